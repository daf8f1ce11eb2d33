"""Results show the same title and table as text and as HTML."""

import pandas as pd

from repbias.core.display import MOST_ROWS, Displayed, Sparkline, html_table


class _Shares(Displayed):
    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def _display(self) -> tuple[str, pd.DataFrame]:
        return "Shares & more", self._table


TABLE = pd.DataFrame({"feature": ["<b>easy</b>", "hard"], "r2": [0.51234, float("nan")], "n": [1000, 2]})


def test_text_and_html_show_the_same_values() -> None:
    shares = _Shares(TABLE)
    for value in ("0.512", "1000", "2", "hard"):
        assert value in repr(shares)
        assert value in shares._repr_html_()
    assert "nan" not in repr(shares).lower()


def test_names_and_titles_are_escaped_in_html() -> None:
    page = _Shares(TABLE)._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;easy&lt;/b&gt;" in page
    assert "Shares &amp; more" in page


def test_of_a_long_table_the_first_rows_are_shown_and_the_rest_is_counted() -> None:
    long = pd.DataFrame({"unit": range(MOST_ROWS + 7)})
    assert "7 more rows" in repr(_Shares(long))
    assert html_table(long, "Units").count("<tr>") == MOST_ROWS + 1


def test_a_sparkline_rises_with_its_values_and_tells_them_to_screen_readers() -> None:
    line = Sparkline((0.0, 0.5, 1.0))
    assert str(line) == "▁▅█"
    assert "0.00, 0.50, 1.00" in html_table(pd.DataFrame({"layers": [line]}), "R2 by layer")
