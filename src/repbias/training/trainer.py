"""Train the members of a stack, check and measure each by its curriculum, and yield each when it is done."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from repbias.activations.layers import match_layers
from repbias.core.results import OUTPUT_POSITION
from repbias.tasks.task import Stimuli
from repbias.training.batches import Batches
from repbias.training.checkpoint import DivergedError, Examiner
from repbias.training.curriculum import Course, check_steps, checkpoint_steps
from repbias.training.ensemble import Stack, State, trains_apart
from repbias.training.intercept import MaskStream
from repbias.training.job import Job, Outcome, Progress, Status, passes, refuse_unlike
from repbias.training.record import Record


def train_stack(
    jobs: Sequence[Job], *, device: str = "cpu", on_progress: Progress | None = None
) -> Iterator[tuple[Job, Outcome]]:
    """Train networks of one architecture together and yield each as it finishes.

    Parameters
    ----------
    jobs : with the same architecture, input shape, batch size and kind of optimiser; all else may differ.
    on_progress : called with (steps taken since the last call, summed over networks; networks still training).

    Raises
    ------
    ValueError : a job that cannot be trained (see `Job.check`), jobs that cannot share a stack, or no job.
    """
    if not jobs:
        raise ValueError("there is nothing to train: no jobs")
    for job in jobs:
        job.check()
    refuse_unlike(jobs)
    # Members with equal optimisers must be adjacent in a stack.
    ordered = sorted(jobs, key=lambda job: job.training.optimizer.canonical_json())
    yield from _Session(ordered, torch.device(device), on_progress).run()


class _Member:
    """One row of the stack: a job and the state of its training."""

    def __init__(self, job: Job, network: nn.Module, stimuli: Stimuli, device: torch.device) -> None:
        self.job = job
        self.active = True
        positions = job.task.given(job.seed).get(OUTPUT_POSITION)
        self.course = Course(job.training, job.task.feature_names, positions, job.task.patience)
        self.record = Record()
        limit = job.training.max_steps
        self.looks = set(check_steps(limit, job.training.check_every).tolist())
        self.checkpoints = set(checkpoint_steps(limit, job.training.checkpoints_per_decade).tolist())
        layers = match_layers(network, job.layers)
        reader = copy.deepcopy(network).to(device).eval()
        self.examiner = Examiner(reader, job.task, stimuli, layers, job.measures, device)

    def due(self, step: int) -> bool:
        """Whether this member is checked, or ends a phase, at `step`; this never depends on other members."""
        return self.active and (step in self.looks or step in self.checkpoints or step == self.course.phase_end)


class _Session:
    """The training of one stack."""

    def __init__(self, jobs: Sequence[Job], device: torch.device, on_progress: Progress | None) -> None:
        self.device = device
        self.on_progress = on_progress
        self.started = time.perf_counter()
        networks = [job.build().to(device) for job in jobs]
        self.apart = trains_apart(networks[0], device)
        if len(jobs) == 1 and not self.apart:
            # The products of a stack of one take other code paths than those of two, and would differ in last digits.
            jobs, networks = [*jobs, jobs[0]], [*networks, jobs[0].build().to(device)]
        stimuli = [job.task.stimuli(job.seed) for job in jobs]
        self.members = [_Member(*one, device) for one in zip(jobs, networks, stimuli, strict=True)]
        self.members[-1].active = len(jobs) == 1 or jobs[0] is not jobs[-1]
        task, batch = jobs[0].task, jobs[0].training.batch
        train = [one.train for one in stimuli]
        self.batches = Batches([job.seed for job in jobs], train, batch, device, task.network_inputs)
        example = task.network_inputs(train[0].inputs[:batch], device)
        optimizers = [job.training.optimizer for job in jobs]
        self.stack = Stack(networks, optimizers, task.n_classes, example)
        self.streams = [MaskStream(job.seed, self.stack.sites) for job in jobs]
        self._refresh()

    def run(self) -> Iterator[tuple[Job, Outcome]]:
        """Step until every member is done."""
        yield from self._begin()
        step, looked, losses = 0, 0, []
        while self.active():
            step += 1
            inputs, labels = self.batches.next()
            losses.append(self.stack.step(inputs, labels, self.weights, self._next_masks(), self._rates(step)))
            if any(member.due(step) for member in self.members):
                yield from self._look(step, looked, torch.stack(losses).cpu())
                looked, losses = step, []

    def _begin(self) -> Iterator[tuple[Job, Outcome]]:
        for row, member in enumerate(self.members):
            if member.active and not self._examine(member, 0, self.stack.state(row)):
                member.active = False
                yield member.job, self._failed(member, 0)

    def active(self) -> list[_Member]:
        """The members that still train."""
        return [member for member in self.members if member.active]

    def _look(self, step: int, looked: int, losses: Tensor) -> Iterator[tuple[Job, Outcome]]:
        finite = torch.isfinite(losses).numpy()
        before = self.active()
        for row, member in enumerate(self.members):
            if member not in before:
                continue
            outcome = None
            if not finite[:, row].all():
                outcome = self._failed(member, looked + 1 + int(np.argmin(finite[:, row])))
            elif member.due(step):
                outcome = self._visit(member, self.stack.state(row), step)
            if outcome is not None:
                member.active = False
                yield member.job, outcome
        if self.on_progress is not None:
            self.on_progress((step - looked) * len(before), len(self.active()))
        self._compact()
        self._refresh()

    def _visit(self, member: _Member, state: State, step: int) -> Outcome | None:
        if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
            return self._failed(member, step)
        new = member.course.look(step, member.examiner.validation_accuracy(state))
        turned = member.course.advance(step)
        if (new or turned or step in member.checkpoints) and not self._examine(member, step, state):
            return self._failed(member, step)
        return self._finished(member, step, state) if member.course.done else None

    def _examine(self, member: _Member, step: int, state: State) -> bool:
        """Measure a member; return False where it has diverged."""
        try:
            examination = member.examiner.examine(state, extremes=step == 0 or member.course.done)
        except DivergedError:
            return False
        member.record.examinations[step] = examination
        return True

    def _finished(self, member: _Member, step: int, state: State) -> Outcome:
        accuracy = member.record.examinations[step].accuracy
        names = member.job.task.feature_names
        failed = tuple(name for name, value in zip(names, accuracy, strict=True) if not passes(float(value)))
        kept = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
        status: Status = "step limit" if member.course.hit_limit else "finished"
        return self._outcome(member, status, step, failed, member.record.units(), kept)

    def _failed(self, member: _Member, step: int) -> Outcome:
        return self._outcome(member, "failed", step, member.job.task.feature_names, Record().units(), {})

    def _outcome(
        self, member: _Member, status: Status, step: int, failed: tuple[str, ...], units: pd.DataFrame, state: State
    ) -> Outcome:
        return Outcome(
            seed=member.job.seed,
            status=status,
            steps=step,
            failed_step=step if status == "failed" else None,
            failed_criterion=failed,
            table=member.record.table(member.course.mastery, member.job.task.given(member.job.seed)),
            units=units,
            state=state,
            seconds=time.perf_counter() - self.started,
        )

    def _compact(self) -> None:
        """Drop the finished members from the stack once they are a quarter of it, since the rest must be traced anew.

        At least two rows stay. Members that train apart cost nothing to drop, and one may be left alone.
        """
        active = self.active()
        if not active or len(active) == len(self.members):
            return
        if not self.apart and (len(self.members) == 2 or len(active) > 0.75 * len(self.members)):
            return
        rows = [row for row, member in enumerate(self.members) if member in active]
        if len(rows) == 1 and not self.apart:
            rows = sorted([*rows, 0 if rows[0] else 1])
        self.stack.keep(rows)
        self.batches.keep(rows)
        self.members = [self.members[row] for row in rows]
        self.streams = [self.streams[row] for row in rows]

    def _refresh(self) -> None:
        """Update what depends on the members left and their rows: loss weights, cooling, and the buffer of masks."""
        nothing = np.zeros(len(self.members[0].job.task.feature_names), np.float32)
        weights = [nothing if member.course.done else member.course.weights() for member in self.members]
        self.cooling = any(member.course.cooling for member in self.active())
        self.weights = torch.from_numpy(np.stack(weights)).to(self.device)
        self.masks = np.zeros((len(self.members), self.streams[0].size), np.float32)

    def _rates(self, step: int) -> Tensor | None:
        if not self.cooling:
            return None
        return torch.tensor([member.course.rate(step) for member in self.members], device=self.device)

    def _next_masks(self) -> Tensor:
        if self.masks.size:
            for row, stream in enumerate(self.streams):
                stream.fill(self.masks[row])
        return torch.from_numpy(self.masks).to(self.device)
