"""Networks trained alone and in a stack, and whether they are the same."""

from functools import partial

import pandas as pd
import torch

from repbias.training.job import Job, Outcome
from repbias.training.network import build_network
from repbias.training.trainer import train_stack

LAYERS = ("hidden.*", "readout")


def job(task, model, training, seed):
    return Job(task, training, seed, partial(build_network, model, task, seed), LAYERS)


def alone(job) -> Outcome:
    ((_, outcome),) = train_stack([job])
    return outcome


def outcomes(jobs) -> list[Outcome]:
    """Train in one stack; return the outcomes in the order of the jobs."""
    found = {id(job): outcome for job, outcome in train_stack(jobs)}
    return [found[id(job)] for job in jobs]


def assert_alone_as_together(jobs, members=(1, -1)) -> list[Outcome]:
    """Train jobs in one stack and some again by themselves: of all places one is unaligned and one is the last."""
    together = outcomes(jobs)
    for member in members:
        assert_same(alone(jobs[member]), together[member])
    return together


def assert_same(one: Outcome, other: Outcome) -> None:
    assert one.state.keys() == other.state.keys()
    for name in one.state:
        assert torch.equal(one.state[name], other.state[name]), name
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    pd.testing.assert_frame_equal(one.units, other.units, check_exact=True)
    assert one == other


def differ(one: Outcome, other: Outcome) -> bool:
    return any(not torch.equal(one.state[name], other.state[name]) for name in one.state)
