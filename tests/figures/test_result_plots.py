"""Networks, studies and audits draw the numbers of their tables, on the axes given or in the style of the user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from audit_reports import make_report
from cycler import cycler
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from study_results import crossed, result

import repbias
from repbias.audit.report import AuditReport
from repbias.figures import style
from repbias.figures.figure import Figure
from repbias.runs.results import StudyResult
from repbias.runs.study_figures import study_figures
from repbias.training import Networks

matplotlib.use("Agg")

USER = {"axes.prop_cycle": cycler(color=["#123456", "#fedcba"]), "font.size": 14.0, "axes.spines.right": True}


@pytest.fixture(scope="module")
def networks() -> Networks:
    task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=256, validation=256, test=256)
    training = {"phases": [repbias.Phase(until="steps", steps=20)]}
    return repbias.train(task, repbias.MLP(widths=(16, 8)), seeds=3, training=training, progress=False)


@pytest.fixture(scope="module")
def report() -> AuditReport:
    return make_report()


@pytest.fixture(scope="module")
def study() -> StudyResult:
    return result([(0.5, 0.2)] * 8, study=crossed((32, 64), (2, 4)), seeds=3, probes={"pair": 0.05})


@pytest.fixture
def axes() -> Axes:
    return matplotlib.figure.Figure().add_subplot()


def ends(ax: Axes) -> list[np.ndarray]:
    """The ends of every vertical line of an interval, `[line, 2]` for each collection."""
    return [np.array([path.vertices[:, 1] for path in found.get_paths()]) for found in ax.collections]


def heights(ax: Axes, curves: int) -> np.ndarray:
    """The values of the first curves, `[curve, point]`."""
    return np.array([line.get_ydata() for line in ax.lines[:curves]], dtype=float)


def by_layer(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Values `[feature, layer]`, both in the order of the table."""
    wide = table.pivot(index="feature", columns="layer", values=value)
    return wide.loc[list(dict.fromkeys(table["feature"])), list(dict.fromkeys(table["layer"]))]


def test_networks_draw_mean_and_interval_of_each_layer_and_feature(networks: Networks, axes: Axes) -> None:
    assert networks.plot("layers", ax=axes) is axes
    r2 = networks.r2()
    assert heights(axes, 2) == pytest.approx(by_layer(r2, "r2").to_numpy())
    for feature, lines in zip(("easy", "hard"), ends(axes), strict=True):
        assert lines == pytest.approx(r2.loc[r2["feature"] == feature, ["ci_low", "ci_high"]].to_numpy())


def test_learning_curves_draw_accuracy_and_r2_of_every_checkpoint(networks: Networks) -> None:
    numbers, table = networks.plot("learning").numbers, networks.table()
    seeds = numbers[numbers["mark"] == "seed"].set_index(["seed", "step", "feature"]).sort_index()
    explained = table[(table["measure"] == "r2_final") & (table["layer"] == "hidden.1")]
    for column, rows in (("accuracy", table[table["measure"] == "accuracy"]), ("r2_final", explained)):
        values = rows.set_index(["seed", "step", "feature"])["value"].sort_index()
        assert seeds[column].dropna().to_numpy(float) == pytest.approx(values.to_numpy())


def test_the_histogram_counts_every_unit_of_the_last_hidden_layer(networks: Networks) -> None:
    numbers, units = networks.plot("units").numbers, networks.units()
    bars, here = numbers[numbers["mark"] == "bar"], units[units["layer"] == "hidden.1"]
    for feature in ("easy", "hard"):
        values, one = here.loc[here["feature"] == feature, "r2"], bars[bars["feature"] == feature]
        edges = [*one["bin_low"], one["bin_high"].iloc[-1]]
        assert one["value"].to_numpy() == pytest.approx(np.histogram(values, edges)[0] / (3 * 8))


def test_a_study_draws_exactly_the_figures_of_its_page(study: StudyResult) -> None:
    page = {figure.name: figure for figure in study_figures(study)}
    with pytest.raises(ValueError, match="it has ") as refused:
        study.plot("matrix")
    kinds = str(refused.value).rpartition("it has ")[2].split(", ")
    drawn = {figure.name: figure for figure in map(study.plot, kinds)}
    assert list(drawn) == list(page)
    for name, figure in drawn.items():
        pd.testing.assert_frame_equal(figure.numbers, page[name].numbers)
        assert figure.caption == page[name].caption


def test_a_trend_has_the_mean_of_each_level(study: StudyResult) -> None:
    numbers = study.plot("trend").numbers
    means = numbers[numbers["mark"] == "mean"]
    assert means["value"].to_numpy(float) == pytest.approx(0.3)
    assert sorted(means["level"].unique()) == [32, 64]


def test_an_audit_draws_r2_by_layer_with_its_intervals(report: AuditReport, axes: Axes) -> None:
    assert report.plot("layers", ax=axes) is axes
    r2 = report.results[(report.results["measure"] == "r2_unbiased") & (report.results["feature"] != "(all)")]
    assert heights(axes, 2) == pytest.approx(by_layer(r2, "value").to_numpy())
    for feature, lines in zip(report.features, ends(axes), strict=True):
        assert lines == pytest.approx(r2.loc[r2["feature"] == feature, ["ci_low", "ci_high"]].to_numpy())


def test_an_audit_draws_the_units_of_the_layer_named_sorted_by_r2(report: AuditReport, axes: Axes) -> None:
    units = report.units.assign(r2=np.arange(len(report.units)) / len(report.units))
    mixed = make_report().__class__(**{**vars(report), "units": units})
    assert mixed.plot("units", layer="V4", ax=axes) is axes
    for feature, curve in zip(mixed.features, heights(axes, 2), strict=True):
        chosen = units[(units["layer"] == "V4") & (units["feature"] == feature)]
        assert curve == pytest.approx(np.sort(chosen["r2"])[::-1])


def test_the_plane_on_axes_shows_one_layer_and_without_axes_each(report: AuditReport, axes: Axes) -> None:
    assert report.plot("plane", layer="V4", ax=axes) is axes
    points = [tuple(map(float, line.get_xydata()[0])) for line in axes.lines if line.get_marker() == "o"]
    assert points == [pytest.approx((0.5, 0.4)), pytest.approx((0.5, 0.2))]
    numbers = report.plot().numbers
    assert list(numbers.loc[numbers["mark"] == "feature", "layer"].unique()) == ["V4", "IT"]


@pytest.mark.parametrize(
    ("shown", "kind", "message"),
    [
        (make_report(without=("rsa", "rsa_equalised", "cka", "cka_equalised")), "similarity", "rsa and cka"),
        (result(status={(place, seed): "not run" for place in range(2) for seed in range(4)}), "gap", "none .*trained"),
    ],
    ids=["audit", "study"],
)
def test_a_figure_is_refused_where_a_measure_or_all_trained_networks_are_missing(
    shown: AuditReport | StudyResult, kind: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        shown.plot(kind)


Plotted = Callable[..., Axes | Figure]


@pytest.mark.parametrize("name", ["networks", "report", "study"])
def test_unknown_kinds_and_styles_are_refused_with_near_names(name: str, request: pytest.FixtureRequest) -> None:
    plot: Plotted = request.getfixturevalue(name).plot
    for kind, of_plot, nearest in [("layer", "repbias", "layers"), ("layers", "usr", "user")]:
        with pytest.raises(ValueError, match=f"did you mean '{nearest}'"):
            plot(kind, style=of_plot)


@pytest.mark.parametrize(("name", "kind"), [("networks", "learning"), ("networks", "units"), ("report", "shares")])
def test_a_figure_of_several_panels_takes_no_axes(
    name: str, kind: str, request: pytest.FixtureRequest, axes: Axes
) -> None:
    with pytest.raises(ValueError, match="takes no ax"):
        request.getfixturevalue(name).plot(kind, ax=axes)
    assert not axes.has_data()


COMPOSITES = [
    *[("networks", kind) for kind in ("learning", "units")],
    *[("report", kind) for kind in ("plane", "shares", "components", "similarity")],
    *[("study", kind) for kind in ("gap", "claims", "map", "trend", "learning", "layers", "units", "contents")],
]


@pytest.mark.parametrize(("name", "kind"), COMPOSITES)
def test_figures_follow_the_settings_of_the_user_and_leave_no_trace(
    name: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    owner, opened = request.getfixturevalue(name), pyplot.get_fignums()
    ours = owner.plot(kind)
    with matplotlib.rc_context(USER):
        before = dict(matplotlib.rcParams)
        theirs = owner.plot(kind, style="user")
        saved = theirs.save(tmp_path / "figure.svg").read_text(encoding="utf-8")
        assert owner.plot(kind).drawing.get_size_inches() == pytest.approx(ours.drawing.get_size_inches())
        assert dict(matplotlib.rcParams) == before
    wider = theirs.drawing.get_size_inches() / ours.drawing.get_size_inches()
    assert wider == pytest.approx(14 / 8.5, rel=0.01)  # figures grow with their fonts
    assert pyplot.get_fignums() == opened
    pd.testing.assert_frame_equal(theirs.numbers, ours.numbers)
    if kind not in ("claims", "map", "components"):  # these do not tell features apart by colour
        assert "#123456" in saved
        assert "#0072b2" not in saved


@pytest.mark.parametrize("name", ["networks", "report"])
def test_panels_follow_the_settings_of_the_user(name: str, request: pytest.FixtureRequest) -> None:
    owner = request.getfixturevalue(name)
    with matplotlib.rc_context(USER):
        theirs, ours = owner.plot("layers", style="user"), owner.plot("layers")
    assert [to_hex(line.get_color()) for line in theirs.lines[:2]] == ["#123456", "#fedcba"]
    assert to_hex(ours.lines[0].get_color()) == "#0072b2"
    assert theirs.yaxis.label.get_size() == pytest.approx(14)
    assert theirs.spines["right"].get_visible()
    assert not ours.spines["right"].get_visible()
    for drawn in (theirs, ours):
        assert drawn.figure.number in pyplot.get_fignums()  # so that a notebook shows it
        pyplot.close(drawn.figure)


@pytest.mark.parametrize(("name", "kind"), [("networks", "learning"), ("report", "plane"), ("study", "gap")])
def test_names_of_features_are_text_in_an_svg(
    name: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    saved = request.getfixturevalue(name).plot(kind).save(tmp_path / "figure.svg").read_text(encoding="utf-8")
    for feature in ("shape", "colour") if name == "report" else ("easy", "hard"):
        assert f"{feature}</text>" in saved


def test_interactive_mode_that_the_first_figure_turns_on_stays_on() -> None:
    before = matplotlib.is_interactive()
    try:
        matplotlib.interactive(False)
        with style.applied("repbias"):
            matplotlib.interactive(True)
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(before)
