"""The page of an audit: what it shows, that it loads nothing from outside, and that names cannot break it."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audit_reports import MEASURES, make_report

from repbias.audit.measures import CAUSAL, READOUT, SCORES, TABLES, VARIANCE, Measure, all_measures
from repbias.audit.plots import AuditFigure
from repbias.audit.report import AuditReport
from repbias.audit.status import Sentence
from repbias.figures.audit import drawn_layers, variance_and_decodability
from repbias.figures.audit_details import component_contents, scores_before_and_after, variance_shares
from repbias.report import pages
from repbias.report.pages import save_html, table_view


class _Tags(HTMLParser):
    """The tags of a page, each attribute that could fetch something, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: Path) -> _Tags:
    tags = _Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    return tags


def csv_of(page: Path, name: str) -> pd.DataFrame:
    """A table that the page carries."""
    found = re.search(rf'download="{name}\.csv(\.gz)?" href="data:[^;]*;base64,([^"]*)"', page.read_text())
    assert found
    content = base64.b64decode(found.group(2))
    return pd.read_csv(io.BytesIO(gzip.decompress(content) if found.group(1) else content))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_html(make_report(), tmp_path_factory.mktemp("audit") / "made" / "audit.html")


def test_the_answer_comes_first_then_sentences_then_figures_then_numbers(page: Path) -> None:
    text = parsed(page).text
    order = [
        "12,345 stimuli, 2 layers, 2 features", "Summary", "colour: detected in both layers",
        "R² 40\u00a0%, decoded 75\u00a0% (chance 50\u00a0%)", "it explains more of the layer's variance",
        "1. Variance explained and decodability", "shape is dominant.", "colour is weak.",
        "2. Variance explained", "3. Variance explained in the leading",
        "4. Scores of a model", "0.400 [0.390, 0.410]",
        "2 of 3 units are constant.", "resamples", "R² = Σ q·z", "Unique (semipartial) variance", "Intervals and p",
    ]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_the_page_fetches_nothing_and_runs_nothing(page: Path) -> None:
    tags = parsed(page)
    assert not {"script", "link", "iframe", "object", "embed"} & set(tags.tags)
    outside = [one for one in tags.addresses if not one.startswith(("#", "data:"))]
    assert outside == ["https://arxiv.org/abs/2405.05847"]  # a link to click, in the footer
    assert [path.name for path in page.parent.iterdir()] == ["audit.html"]


def test_the_page_carries_every_number(page: Path) -> None:
    report = make_report()
    pd.testing.assert_frame_equal(csv_of(page, "results"), report.results.reset_index(drop=True))
    pd.testing.assert_frame_equal(csv_of(page, "units"), report.units)
    assert len(csv_of(page, "components")) == len(report.components)


def test_the_tables_have_a_row_per_layer_and_feature() -> None:
    view = table_view(make_report(), VARIANCE)
    rows = [dict(zip(view.headings, row, strict=True)) for row in view.rows]
    assert [(row["layer"], row["feature"]) for row in rows] == [
        (layer, feature) for layer in ("V4", "IT") for feature in ("shape", "colour", "(all)")
    ]
    assert (rows[1]["R²"], rows[1]["unique"], rows[1]["p (Holm)"]) == ("0.200 [0.190, 0.210]", "0.150", "< 0.001")
    assert (rows[2]["R²"], rows[2]["unique"], rows[2]["p (Holm)"]) == ("0.550 [0.500, 0.600]", "", "–")
    readout = table_view(make_report(), READOUT)
    assert readout.headings == ["layer", "feature", "decodability", "chance", "density", "units used", "p (Holm)"]
    assert [row[:3] for row in readout.rows] == [
        [layer, feature, "0.750 [0.740, 0.760]"] for layer in ("V4", "IT") for feature in ("shape", "colour")
    ]


def test_the_scores_table_has_both_sides_of_each_method_and_no_p() -> None:
    view = table_view(make_report(), SCORES)
    assert view.headings[2:] == ["RSA", "RSA, equal shares", "CKA", "CKA, equal shares", "R²", "R², equal shares"]
    assert view.rows[0][2:4] == ["0.700 [0.690, 0.710]", "0.400 [0.390, 0.410]"]
    assert {len(row) for row in view.rows} == {len(view.headings)}
    assert {row[1] for row in view.rows} == {"shape", "colour"}


def with_ceiling(value: float = 0.62) -> AuditReport:
    """The report with a noise ceiling in V4, and a share of it that the first feature explains."""
    report = make_report()
    row = report.results.iloc[0].to_dict() | {"layer": "V4", "p": np.nan, "p_holm": np.nan}
    more = [
        row | {"feature": "(all)", "measure": "noise_ceiling", "value": value, "ci_low": 0.6, "ci_high": 0.65},
        row | {"feature": "shape", "measure": "r2_of_ceiling", "value": 0.64, "ci_low": 0.63, "ci_high": 0.66},
    ]
    return dataclasses.replace(report, results=pd.concat([report.results, pd.DataFrame(more)], ignore_index=True))


def test_the_noise_ceiling_has_a_column_and_a_line_where_there_is_one() -> None:
    view = table_view(with_ceiling(), VARIANCE)
    rows = {(row[0], row[1]): dict(zip(view.headings, row, strict=True)) for row in view.rows}
    assert rows["V4", "(all)"]["noise ceiling"] == "0.620 [0.600, 0.650]"
    assert rows["V4", "shape"]["R² of ceiling"] == "0.640 [0.630, 0.660]"
    assert rows["IT", "shape"]["R² of ceiling"] == ""
    assert "noise ceiling" not in table_view(make_report(), VARIANCE).headings
    figure = variance_and_decodability(with_ceiling())
    assert figure.numbers.query("mark == 'noise_ceiling'")[["layer", "y"]].to_numpy().tolist() == [["V4", 0.62]]
    first, second = (axes for axes in figure.drawing.axes if axes.get_title(loc="left"))
    assert "noise ceiling" in {text.get_text() for text in first.texts}
    assert "noise ceiling" not in {text.get_text() for text in second.texts}
    assert "The dotted line is the noise ceiling" in figure.caption
    assert "dotted" not in variance_and_decodability(make_report()).caption


def test_the_scores_figure_draws_both_sides_of_each_method() -> None:
    figure = scores_before_and_after(make_report())
    drawn = figure.numbers.query("layer == 'V4' and feature == 'shape'").set_index(["method", "shares"])["value"]
    assert drawn.to_dict() == {
        ("rsa", "recorded"): 0.7, ("rsa", "equal"): 0.4, ("cka", "recorded"): 0.72, ("cka", "equal"): 0.42,
        ("r2", "recorded"): 0.4, ("r2", "equal"): 0.3,
    }  # fmt: skip
    panels = [axes for axes in figure.drawing.axes if axes.get_title(loc="left")]
    assert {"RSA", "CKA", "R²"} <= {text.get_text() for text in panels[0].texts}


def test_causal_effects_have_a_table_where_they_were_measured() -> None:
    report = make_report()
    row = report.results.iloc[[0]].assign(value=-0.0001, ci_low=-0.1, ci_high=0.1)
    more = [row.assign(measure="ablation_own"), row.assign(measure="steering_own", value=0.5)]
    more = dataclasses.replace(report, results=pd.concat([report.results, *more], ignore_index=True))
    view = table_view(more, CAUSAL)
    assert view.headings == ["layer", "feature", "ablated: own report", "steered: own report"]
    assert [row[2:] for row in view.rows] == [["0.000 [−0.100, 0.100]", "0.500 [−0.100, 0.100]"]]
    assert not table_view(report, CAUSAL).rows


def test_names_with_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    nasty = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "$\\frac{1}$ & _x")
    report = dataclasses.replace(
        make_report(layers=("<b>layer</b>",), features=nasty),
        sentences=tuple(Sentence(None, f"{name} is dominant") for name in nasty),
        notes=("<i>note</i>",),
        settings={"<u>key</u>": "</style><script>"},
        classes={name: ("<em>a</em>", "b") for name in nasty},
    )
    tags = parsed(save_html(report, tmp_path / "nasty.html"))
    assert not {"script", "b", "i", "u"} & set(tags.tags)
    assert tags.tags.count("img") == 4
    for words in (*nasty, "<b>layer</b>", "<i>note</i>", "<u>key</u>", "<em>a</em>"):
        assert words in tags.text


def test_the_headline_has_decodability_above_chance_and_intervals_both_ways() -> None:
    figure = variance_and_decodability(make_report())
    point = figure.numbers.query("mark == 'feature' and layer == 'V4' and feature == 'shape'").iloc[0]
    assert point[["x", "x_low", "x_high"]].tolist() == pytest.approx([0.5, 0.48, 0.52])
    assert point[["y", "y_low", "y_high"]].tolist() == pytest.approx([0.4, 0.39, 0.41])
    assert figure.numbers.query("mark == 'detectable'")["y"].tolist() == [0.02] * 4
    panels = [axes for axes in figure.drawing.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["V4", "IT"]
    written = {text.get_text() for text in panels[0].texts}
    assert {"dominant", "weak but decodable", "not detected", "1", "2"} <= written


def test_a_feature_far_below_chance_is_drawn_within_the_axes() -> None:
    report = make_report()
    results = report.results.copy()
    results.loc[results["measure"] == "decodability", "value"] = 0.3
    figure = variance_and_decodability(dataclasses.replace(report, results=results))
    panels = [axes for axes in figure.drawing.axes if axes.get_title(loc="left")]
    assert all(axes.get_xlim()[0] < -0.4 for axes in panels)


def test_features_of_more_classes_share_the_axis_of_decodability() -> None:
    report = make_report()
    of_shape = report.results["measure"].eq("chance") & report.results["feature"].eq("shape")
    results = report.results.assign(value=report.results["value"].mask(of_shape, 0.25))
    report = dataclasses.replace(report, results=results)
    points = (
        variance_and_decodability(report).numbers.query("mark == 'feature' and layer == 'IT'").set_index("feature")["x"]
    )
    assert points["shape"] == pytest.approx((0.75 - 0.25) / 0.75)
    assert points["colour"] == pytest.approx(0.5)


def test_shares_and_components_draw_the_numbers_of_the_report() -> None:
    report = make_report()
    shares = variance_shares(report).numbers
    assert set(shares["measure"]) == {"r2_unbiased", "r2_unique", "r2_common"}
    assert shares.query("feature == '(all)'")["value"].tolist() == [0.55, 0.55]
    components = component_contents(report).numbers
    assert (components["component"].min(), components["component"].max()) == (1, 10)


def test_of_many_layers_some_are_drawn_and_the_caption_says_so(tmp_path: Path) -> None:
    report = make_report(layers=tuple(f"blocks.{index}" for index in range(40)))
    drawn = drawn_layers(report)
    assert (len(drawn), drawn[0], drawn[-1]) == (12, "blocks.0", "blocks.39")
    assert "12 of 40 layers are drawn" in variance_and_decodability(report).caption
    page = save_html(report, tmp_path / "deep.html")
    assert page.stat().st_size < 3_000_000
    assert "120 rows" in parsed(page).text
    assert csv_of(page, "results")["layer"].nunique() == 40


def test_a_page_without_scores_leaves_their_figure_and_table_out(tmp_path: Path) -> None:
    report = make_report(without=("rsa", "rsa_equalised", "cka", "cka_equalised", "r2_equalised"))
    tags = parsed(save_html(report, tmp_path / "stream.html"))
    assert tags.tags.count("img") == 3
    assert "RSA, equal shares" not in tags.text


def test_a_table_without_a_needed_column_is_refused_and_nothing_written(tmp_path: Path) -> None:
    report = dataclasses.replace(make_report(), results=make_report().results.rename(columns={"p_holm": "pholm"}))
    with pytest.raises(ValueError, match="p_holm"):
        save_html(report, tmp_path / "audit.html")
    assert list(tmp_path.iterdir()) == []


def test_sentences_stand_under_their_layer_and_those_of_the_whole_come_first(tmp_path: Path) -> None:
    sentences = (
        Sentence("IT", "shape is weak."),
        Sentence("V4", "the rest is inconclusive."),
        Sentence(None, "V4: no layer."),
    )
    report = dataclasses.replace(make_report(), sentences=sentences)
    text = parsed(save_html(report, tmp_path / "audit.html")).text
    text = text[text.index("What can be concluded, and what cannot") :]
    order = ["The audit as a whole", "V4: no layer.", "The rest is inconclusive.", "IT", "shape is weak."]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_a_measure_and_a_figure_are_added_by_one_record_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = make_report()
    new = report.results.iloc[[0]].assign(measure="kurtosis", value=0.123, p=np.nan, p_holm=np.nan)
    report = dataclasses.replace(report, results=pd.concat([report.results, new], ignore_index=True))
    record = Measure("kurtosis", "peakedness", "how peaked responses are")
    more = dataclasses.replace(READOUT, measures=(*READOUT.measures, record))
    figure = dataclasses.replace(variance_shares(report), name="again", title="Once more")
    monkeypatch.setattr(pages, "TABLES", (*TABLES, more))
    monkeypatch.setattr(pages, "FIGURES", (*pages.FIGURES, AuditFigure("other", lambda _: figure, needs=("kurtosis",))))
    text = parsed(save_html(report, tmp_path / "audit.html")).text
    assert "peakedness" in text
    assert "0.123" in text
    assert "5. Once more" in text


def test_every_measure_of_a_report_is_explained_on_its_page(page: Path) -> None:
    text = parsed(page).text.split("How each number is computed")[-1]
    assert {one.name for one in all_measures()} >= set(MEASURES)
    for measure in all_measures():
        assert (measure.definition[1:] in text) == (measure.name in MEASURES)
