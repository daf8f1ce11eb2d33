"""The designs of which calibration is measured, in the order of the table; to add one, add an entry to `DESIGNS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.calibration.populations import Effect, Population, Rows, autocorrelated_noise, heavy_tailed_noise
from benchmarks.calibration.sources import (
    alternating,
    circular,
    classes,
    labelled,
    linear,
    many_columns,
    spline,
)

TWO = classes(0.5, 0.5)
FOUR = classes(0.25, 0.25, 0.25, 0.25)
ONE_UNIT = np.r_[30.0, np.ones(19)]


@dataclass(frozen=True, eq=False)
class Design:
    """A design, and what is to be known of it."""

    name: str
    description: str
    """How a data set is simulated, for the page of the documentation."""

    population: Population
    remark: str = ""
    """Why numbers are outside the range that is aimed at, or what the audit says of the design; "" otherwise."""

    note: str = ""
    """Words of the note with which the audit warns of the design; "" where it does not."""


def independent(n: int) -> Rows:
    """Return rows that are independent stimuli."""
    return Rows(np.arange(n), np.arange(n))


def groups(number: int, size: int, *, between: bool) -> Rows:
    """Return rows in groups with an effect of their own; labels are those of groups, or differ within groups."""
    group = np.repeat(np.arange(number), size)
    label = group if between else np.arange(number * size)
    return Rows(label, label, (Effect(0.3, group),), {"groups": group})


def repeats(stimuli: int, times: int) -> Rows:
    """Return presentations of stimuli with an effect of their own beside the features."""
    stimulus = np.repeat(np.arange(stimuli), times)
    return Rows(stimulus, stimulus, (Effect(0.2, stimulus, repeated=True),), {"repeats": stimulus})


def crossed(stimuli: int, sessions: int) -> Rows:
    """Return presentations of each stimulus in each of several sessions, which differ in the mean of every unit."""
    stimulus, session = (index.ravel() for index in np.indices((stimuli, sessions)))
    effects = (Effect(0.2, stimulus, repeated=True), Effect(0.2, session, fixed=True))
    return Rows(stimulus, stimulus, effects, {"repeats": stimulus, "groups": session})


def runs(n: int, length: int, *, planted: int = 1, **options: Any) -> Rows:
    """Return rows in which labels of the null feature come in runs, those of the planted one in other runs."""
    row = np.arange(n)
    return Rows(row // planted, row // length, (), options)


DESIGNS = (
    Design(
        "independent",
        "100 independent stimuli, two equal classes.",
        Population(independent(100), TWO, TWO),
    ),
    Design(
        "unequal classes",
        "100 independent stimuli, two classes with probabilities .8 and .2.",
        Population(independent(100), classes(0.8, 0.2), classes(0.8, 0.2)),
        remark="Few errors are made, and the interval of decodability is then conservative.",
    ),
    Design(
        "rare class",
        "160 independent stimuli, three classes, the third with a probability of .05.",
        Population(independent(160), classes(0.5, 0.45, 0.05), classes(0.5, 0.45, 0.05)),
        remark="The interval of decodability is conservative where a class is rare.",
    ),
    Design(
        "many classes",
        "160 independent stimuli, 16 equal classes.",
        Population(independent(160), classes(*[1 / 16] * 16), classes(*[1 / 16] * 16)),
        remark="With ten stimuli a class, the interval of R2 is conservative.",
    ),
    Design(
        "groups",
        "12 groups of 10 stimuli, given as `groups`. What a group has in common makes 30 % of the variance that the "
        "features do not explain. Labels differ within groups.",
        Population(groups(12, 10, between=False), TWO, TWO),
    ),
    Design(
        "labels of groups",
        "30 groups of 5 stimuli, given as `groups`; all stimuli of a group have the same label.",
        Population(groups(30, 5, between=True), TWO, TWO),
        remark="Folds balance the true labels of the groups. With fewer than 20 groups, labels are permuted between "
        "folds, which are then less balanced, so that a test finds somewhat too much.",
    ),
    Design(
        "repeats",
        "40 stimuli with 4 presentations each, given as `repeats`. Stimuli differ beyond the features, by 20 % of the "
        "variance that the features do not explain.",
        Population(repeats(40, 4), TWO, TWO),
    ),
    Design(
        "crossed groups with repeats",
        "40 stimuli, each shown in each of 4 sessions, given as `repeats` and `groups`. Sessions differ in the mean of "
        "every unit.",
        Population(crossed(40, 4), TWO, TWO),
        remark="The interval of decodability is conservative.",
    ),
    Design(
        "nested feature",
        "144 independent stimuli, 12 items in 3 categories; both category and item have an effect. The planted feature "
        "is the item, which determines the category.",
        Population(
            independent(144),
            labelled({"planted": range(12), "category": [item // 4 for item in range(12)]}, [1 / 12] * 12),
            FOUR,
        ),
        remark="With twelve stimuli a class, the interval of R2 is conservative.",
    ),
    Design(
        "associated features",
        "120 independent stimuli, two features of two classes with an effect each; three quarters of the stimuli have "
        "the same class of both.",
        Population(
            independent(120),
            labelled({"planted": [0, 0, 1, 1], "associated": [0, 1, 0, 1]}, [0.375, 0.125, 0.125, 0.375]),
            TWO,
        ),
    ),
    Design(
        "heavy-tailed noise",
        "100 independent stimuli, whose noise has Student's t distribution with 4 degrees of freedom and one scale per "
        "stimulus, so that a few stimuli are far from all others.",
        Population(independent(100), TWO, TWO, noise=heavy_tailed_noise),
        remark="A few stimuli that are far from all others decide both R2 and its interval, which is then too narrow.",
    ),
    Design(
        "one dominant unit",
        "100 independent stimuli; the noise of one unit has a standard deviation of 30, that of the 19 others of 1.",
        Population(independent(100), TWO, TWO, unit_sd=ONE_UNIT),
        note="of the variance",
        remark="The audit notes that one unit holds most of the variance.",
    ),
    Design(
        "one dominant unit, standardised",
        'The same, audited with `scale="zscore"`.',
        Population(independent(100), TWO, TWO, unit_sd=ONE_UNIT, scale="zscore"),
        remark="After scaling, the design is that of independent stimuli, in which the same test is right; the rate "
        "is too high by chance, or because units are scaled over all folds.",
    ),
    Design(
        "continuous, linear",
        "100 independent stimuli, a normal number that acts linearly.",
        Population(independent(100), linear(), linear()),
        remark="The interval of R2 is somewhat too narrow, as stimuli of extreme values decide it.",
    ),
    Design(
        "continuous, spline",
        "120 independent stimuli, an evenly distributed number that acts by a parabola, audited with a spline.",
        Population(independent(120), spline(), spline()),
    ),
    Design(
        "circular",
        "100 independent stimuli, an angle that acts by its sine and cosine.",
        Population(independent(100), circular(), circular()),
        remark="The rate of the test of R2 is somewhat too high. The interval of decodability is widened for fits "
        "that share stimuli, here by more than is needed.",
    ),
    Design(
        "many columns",
        "80 independent stimuli, 12 columns as one feature, which explain 30 % of the variance.",
        Population(independent(80), many_columns(12), many_columns(12), r2=0.3),
        remark="The intervals are conservative.",
    ),
    Design(
        "more columns than stimuli",
        "20 independent stimuli, 24 columns as one feature, which explain 50 % of the variance of 10 units.",
        Population(independent(20), many_columns(24), many_columns(24), r2=0.5, units=10),
        note="too many for least squares",
        remark="Ridge regressions shrink what they predict, so that R2 is too low; the audit notes it.",
    ),
    Design(
        "more units than stimuli",
        "60 independent stimuli, 150 units, two equal classes.",
        Population(independent(60), TWO, TWO, units=150),
        remark="The decoder makes almost no errors, and the interval of decodability is then conservative.",
    ),
    Design(
        "order of rows, labels in runs of 10",
        "200 trials in which neighbours have a correlation of .8 (AR(1)); labels come in runs of 10 trials, at random.",
        Population(runs(200, 10, planted=10), TWO, TWO, noise=autocorrelated_noise),
        note="come in runs",
        remark="The audit notes the runs and what to give; see the two designs below.",
    ),
    Design(
        "runs of 10, with blocks",
        "The same trials, with `blocks`, which names each run.",
        Population(runs(200, 10, planted=10, blocks=np.arange(200) // 10), TWO, TWO, noise=autocorrelated_noise),
    ),
    Design(
        "runs of 10, with order",
        "The same trials, with `order=True`.",
        Population(runs(200, 10, planted=10, order=True), TWO, TWO, noise=autocorrelated_noise),
        remark="The interval of decodability is somewhat too narrow. Where labels have too few different shifts, the"
        " audit refuses.",
    ),
    Design(
        "order of rows, labels in half-sessions",
        "The same trials; the null feature has one label in the first half and the other in the second. Labels of the "
        "planted feature are drawn for each trial.",
        Population(runs(200, 100), TWO, alternating(), noise=autocorrelated_noise),
        note="come in runs",
        remark="The audit notes the runs. With `blocks` or `order` it refuses the null feature, which cannot be told"
        " from the time.",
    ),
)


def find_design(name: str) -> Design:
    """Return the design with a name."""
    return next(design for design in DESIGNS if design.name == name)
