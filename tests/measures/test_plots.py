"""Every result of a measure draws the numbers of its table, and shows itself as text and as HTML."""

from collections.abc import Callable
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

import repbias
from repbias.figures.drawings import Bars, Curves
from repbias.measures.result import MeasureResult

matplotlib.use("Agg")

NAMES = ("<easy> & $", "hard")
LABELS = np.random.default_rng(0).integers(0, 2, (120, 2))
X = LABELS @ np.array([[3.0, 0, 0], [0, 1.0, 0]]) + np.random.default_rng(1).normal(size=(120, 3))
FIT, TEST = slice(0, 60), slice(60, None)
SPLIT = {"test_representation": X[TEST], "test_labels": LABELS[TEST], "names": NAMES}
NETWORK = nn.Sequential(nn.Identity(), nn.Linear(3, 2))
NETWORK[1].weight.data, NETWORK[1].bias.data = torch.eye(3)[:2], torch.tensor([-1.5, -0.5])
INPUTS = torch.from_numpy(X).float()

RESULTS: dict[str, Callable[[], MeasureResult]] = {
    "variance": lambda: repbias.variance_explained(X, LABELS, names=NAMES, joint=True),
    "partition": lambda: repbias.variance_partitioning(
        X, dict(zip(NAMES, LABELS.T, strict=True)), product_measure=True
    ),
    "density": lambda: repbias.density(X, LABELS, names=NAMES),
    "components": lambda: repbias.components(X, LABELS, names=NAMES),
    "equalize": lambda: repbias.equalize(X, LABELS, names=NAMES),
    "probe": lambda: repbias.probe(X[FIT], LABELS[FIT], **SPLIT),
    "controlled probe": lambda: repbias.controlled_probe(X[FIT], LABELS[FIT], **SPLIT, permutations=2),
    "sparse probe": lambda: repbias.sparse_probe(X[FIT], LABELS[FIT], **SPLIT, k=(1, 2)),
    "clustering": lambda: repbias.clustering(X, LABELS, names=NAMES),
    "neighbours": lambda: repbias.neighbour_purity(X, LABELS, names=NAMES),
    "latents": lambda: repbias.feature_in_latents(
        X[FIT], LABELS[FIT], test_latents=X[TEST], test_labels=LABELS[TEST], names=NAMES
    ),
    "autoencoder": lambda: repbias.train_autoencoder(X, n_latents=4, k=1, steps=5),
    "reliance": lambda: repbias.reliance(X[FIT], LABELS[FIT], **SPLIT),
    "reliance sweep": lambda: repbias.reliance_sweep(X[FIT], LABELS[FIT], **SPLIT),
    "ablation": lambda: repbias.ablate(NETWORK, INPUTS, "0", repbias.leace(X, LABELS[:, 0]), LABELS, names=NAMES),
    "patching": lambda: repbias.patch(NETWORK, INPUTS[:60], INPUTS[60:], "0", units=[0], names=NAMES),
    "steering": lambda: repbias.steer(NETWORK, INPUTS, "0", [1.0, 0, 0], [1, 9], feature=1, names=NAMES),
    "components needed": lambda: repbias.components_needed(
        lambda x: x[:, :2] > 0.5, X, LABELS, repbias.components(X, LABELS), names=NAMES
    ),
    "cca": lambda: repbias.mean_cca(X, X[:, :2]),
    "regression": lambda: repbias.system_regression(
        X[FIT], X[FIT], LABELS[FIT], test_a=X[TEST], test_b=X[TEST], test_labels=LABELS[TEST], names=NAMES
    ),
}


@pytest.fixture(params=RESULTS)
def result(request: pytest.FixtureRequest) -> MeasureResult:
    return RESULTS[request.param]()


def axes() -> Axes:
    return Figure().add_subplot()


def test_a_result_is_drawn_on_the_axes_given_and_returns_them(result: MeasureResult) -> None:
    open_figures, given = pyplot.get_fignums(), axes()
    assert result.plot(ax=given) is given
    assert given.has_data()
    assert pyplot.get_fignums() == open_figures


def test_bars_and_curves_show_the_numbers_of_the_table(result: MeasureResult) -> None:
    drawing, table = result._drawing(), result.table()["value"].to_numpy(float)
    ax = result.plot(ax=axes())
    if isinstance(drawing, Bars):
        drawn = np.array([bar.get_width() for bar in ax.patches])
        assert drawn == pytest.approx(np.asarray(drawing.values, float), nan_ok=True)
        if "classifier" not in result.table():  # a sweep draws means over its rows
            assert all(np.isclose(table, value, equal_nan=True).any() for value in drawn)
    if isinstance(drawing, Curves):
        drawn = np.array([line.get_ydata() for line in ax.lines[: len(drawing.names)]])
        assert drawn == pytest.approx(np.asarray(drawing.curves))


def test_a_display_escapes_names_and_prints_no_large_array(result: MeasureResult) -> None:
    page, text = result._repr_html_(), repr(result)
    assert "<easy>" not in page
    assert "array(" not in text
    assert "tensor(" not in text
    assert len(text) < 6000
    assert text.splitlines()[0] in page.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_a_table_is_shown_with_a_column_for_each_measure() -> None:
    shown = RESULTS["variance"]()._display()[1]
    assert shown["feature"].tolist() == [*NAMES, "(all)"]
    assert {"r2", "unique", "total"} <= set(shown.columns)


def test_the_settings_of_the_user_decide_where_that_is_asked() -> None:
    found = RESULTS["variance"]()
    with matplotlib.rc_context({"font.size": 21.0, "axes.prop_cycle": matplotlib.cycler(color=["#123456", "#654321"])}):
        own, ours = found.plot(style="user"), found.plot()
    assert matplotlib.colors.to_hex(own.patches[0].get_facecolor()) == "#123456"
    assert own.xaxis.label.get_fontsize() == 21
    assert ours.xaxis.label.get_fontsize() < 10
    pyplot.close("all")


def test_without_axes_a_panel_of_pyplot_is_made() -> None:
    ax = RESULTS["probe"]().plot()
    assert ax.figure.number in pyplot.get_fignums()
    pyplot.close(ax.figure)


def test_bars_beside_references_are_compared_with_them() -> None:
    ax = RESULTS["controlled probe"]().plot(ax=axes())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["chance", "shuffled labels"]


def test_a_component_has_the_colour_of_its_owner() -> None:
    found = RESULTS["components"]()
    found = replace(found, owner_threshold=0.99)
    assert set(found.owner) == {None}
    faces = {bar.get_facecolor() for bar in found.plot(ax=axes()).patches}
    assert len(faces) == 1
    assert len({bar.get_facecolor() for bar in RESULTS["components"]().plot(ax=axes()).patches}) > 1


def test_an_rdm_is_sorted_by_class() -> None:
    distances = repbias.rdm(X)
    classes = LABELS[:, 0]
    order = np.argsort(classes, kind="stable")
    image = repbias.plot_rdm(distances, classes, ax=axes()).images[0].get_array()
    assert np.asarray(image) == pytest.approx(distances[np.ix_(order, order)])
    assert np.asarray(repbias.plot_rdm(distances, ax=axes()).images[0].get_array()) == pytest.approx(distances)


def test_a_layout_has_a_colour_for_each_class() -> None:
    ax = repbias.plot_layout(X[:, :2], LABELS[:, 1], ax=axes())
    assert sorted(len(line.get_xdata()) for line in ax.lines) == sorted(np.bincount(LABELS[:, 1]))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: repbias.plot_rdm(X), "square"),
        (lambda: repbias.plot_rdm(repbias.rdm(X), LABELS), "one feature"),
        (lambda: repbias.plot_layout(X), r"\[stimulus, 2\]"),
        (lambda: repbias.plot_layout(X[:, :2], LABELS[:5, 0]), "120 stimuli"),
        (lambda: RESULTS["variance"]().plot(style="house"), "no style .*'house'"),  # type: ignore[arg-type]
    ],
)
def test_arrays_that_do_not_fit_and_unknown_styles_are_refused(draw: Callable[[], Axes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()


def test_a_map_and_a_classifier_print_no_weights() -> None:
    assert repr(repbias.leace(X, LABELS)) == "Eraser of 2 directions of 3 units"
    assert repr(RESULTS["reliance"]().classifier) == "Linear classifier of 2 classes from 3 units"
