"""The one page that tells a study: offline, complete in itself, fit to be sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from repbias.report.check_views import design_view, members_view
from repbias.report.claim_views import claim_views
from repbias.report.content import PageContent
from repbias.report.figures import Figure, FigureFiles
from repbias.report.figures.figure import numbers_as_csv
from repbias.report.files import write_whole
from repbias.report.links import DataLink, beside, csv_link, image_source, relative
from repbias.report.views import words

MOST_BYTES = 3_000_000
_PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class _FigureView:
    """A figure as the template lays it out."""

    anchor: str
    title: str
    caption: str
    source: str
    width: int
    height: int
    numbers: DataLink
    svg: str
    png: str


def write_page(page: PageContent, path: Path) -> Path:
    """Write the page as one HTML file without scripts or outside requests; it appears whole or not at all.

    Figures are inlined as SVG; their numbers and the claims table are inside the page too. Should it exceed 3 MB, the
    heaviest figures are inlined as PNG instead, one after the other, wherever that is smaller; if that is not enough,
    the longest tables of numbers are linked beside the page.

    Parameters
    ----------
    page : what to show.
    path : the file to write; folders are made, a page of the same name is replaced.

    Returns
    -------
    `path`.

    Raises
    ------
    ValueError : if a table of `page` lacks a column that the page needs; the message names it.
    """
    views = [_figure(figure, files, path) for figure, files in page.figures]
    html = _render(page, views)
    for index, lighter in _lighter([files for _, files in page.figures], views, path):
        if len(html) <= MOST_BYTES:
            break
        views[index] = lighter
        html = _render(page, views)
    return write_whole(path, html)


def _lighter(
    files: Sequence[FigureFiles], views: Sequence[_FigureView], path: Path
) -> Iterator[tuple[int, _FigureView]]:
    """Lighter forms of the figures, by place, the greatest saving first: as PNG, then without their numbers.

    `views` is read anew at each step, so that a figure already made lighter stays so.
    """
    saved = [one.svg.stat().st_size - one.png.stat().st_size for one in files]
    for index in sorted(range(len(files)), key=lambda place: -saved[place]):
        if saved[index] > 0:
            yield index, replace(views[index], source=image_source(files[index].png))
    for index in sorted(range(len(files)), key=lambda place: -len(views[place].numbers.href)):
        csv = files[index].csv
        yield index, replace(views[index], numbers=DataLink(beside(path, csv), csv.name, "beside this page"))


def _render(page: PageContent, figures: Sequence[_FigureView]) -> bytes:
    """The page's HTML, UTF-8."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["words"] = words
    template = resources.files("repbias.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    html = environment.from_string(template).render(
        page=page,
        claims=claim_views(page.verdicts, page.claims),
        claims_csv=csv_link("claims", numbers_as_csv(page.claims)),
        figures=figures,
        members=members_view(page.members),
        design=design_view(page.design),
        downloads={name: relative(target) for name, target in page.downloads.items()},
    )
    # Lone surrogates, which a file name may hold, cannot be written as UTF-8.
    return html.encode("utf-8", errors="replace")


def _figure(figure: Figure, files: FigureFiles, path: Path) -> _FigureView:
    width, height = figure.drawing.get_size_inches() * _PIXELS_PER_INCH
    return _FigureView(
        anchor=f"figure-{figure.name}",
        title=figure.title,
        caption=figure.caption,
        source=image_source(files.svg),
        width=round(width),
        height=round(height),
        numbers=csv_link(figure.name, numbers_as_csv(figure.numbers)),
        svg=beside(path, files.svg),
        png=beside(path, files.png),
    )
