"""The display of an audit: for each feature R2 and status in the layer where it explains most, and R2 by layer."""

from __future__ import annotations

from dataclasses import replace

from audit_reports import make_report

from repbias.core.display import Sparkline


def test_a_feature_is_shown_in_the_layer_where_it_explains_most() -> None:
    report = make_report(layers=("V4", "IT"))
    results = report.results.copy()
    more = (results["layer"] == "IT") & (results["feature"] == "colour") & (results["measure"] == "r2_unbiased")
    results.loc[more, ["value", "ci_low", "ci_high"]] = 0.25, 0.2, 0.31
    title, table = replace(report, results=results)._display()
    assert title == "Audit of 12,345 stimuli in V4 and IT"
    shape, colour = table.to_dict("records")
    assert shape == {
        "feature": "shape",
        "largest R2 [95 %]": "0.400 [0.390, 0.410]",
        "in layer": "V4",
        "status there": "dominant",
        "R2 by layer": Sparkline((0.4, 0.4)),
    }
    assert (colour["in layer"], colour["largest R2 [95 %]"]) == ("IT", "0.250 [0.200, 0.310]")
    assert colour["R2 by layer"] == Sparkline((0.2, 0.25))


def test_one_layer_has_no_drawing_by_layer_and_many_are_counted() -> None:
    assert "R2 by layer" not in make_report(layers=("V4",))._display()[1]
    assert make_report(layers=tuple("abcdef"))._display()[0] == "Audit of 12,345 stimuli in 6 layers"


def test_a_notebook_shows_what_a_terminal_shows_and_escapes_names() -> None:
    report = make_report(features=("<b>", "colour"))
    text, page = repr(report), report._repr_html_()
    for shown in ("12,345 stimuli", "0.400 [0.390, 0.410]", "dominant", "colour"):
        assert shown in text
        assert shown in page
    assert "<b>" in text
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
