"""What a page is made of: words, tables and figures, all of them ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from repbias.experiments.verdicts import VERDICT_RULE
from repbias.report.figures import Figure, FigureFiles


@dataclass(frozen=True)
class PageContent:
    """Everything one page shows. Every string in it may hold any character; the page escapes them all.

    Attributes
    ----------
    title : the study's name.
    question : the question, as a sentence.
    answer : the answer in one sentence, then further sentences, each shown as an item of a list.
    scale : ``quick`` or ``full``.
    verdicts : one row per claim: ``id``, ``statement``, ``verdict``, and where they are known ``tally`` and ``beyond``.
    claims : one row a claim and condition, or group of conditions, as `repbias.report.figures.claim_forest` takes it,
        with ``p`` where it was tested; rows of one ``id`` that differ in ``statement`` or ``statistic`` are parts of
        one claim.
    figures : figures with the files they were saved to, in the order shown.
    settings : the resolved settings, nested; shown folded.
    provenance : versions, device, seeds, run ids, date, command.
    networks : one row a network: ``condition``, ``seed``, ``status``, ``failed_criterion``, and any others.
    design : the design check, one row a check with ``passed``, and any other columns.
    notes : remarks, one a paragraph.
    downloads : name to path relative to the page.
    verdict_rule : how a verdict follows from an estimate, for the section on how to read the page.
    """

    title: str
    question: str
    answer: Sequence[str]
    scale: str
    verdicts: pd.DataFrame
    claims: pd.DataFrame
    figures: Sequence[tuple[Figure, FigureFiles]]
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    networks: pd.DataFrame
    design: pd.DataFrame
    notes: Sequence[str] = ()
    downloads: Mapping[str, str] = field(default_factory=dict)
    verdict_rule: str = VERDICT_RULE
