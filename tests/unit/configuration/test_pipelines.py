"""Pipelines: what a configuration must say, and which stages a move skips."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.configuration.pipelines import parse
from domain.kernel.errors import Invalid
from tests.support.memory import PIPELINES

GOOD: dict[str, Any] = {
    "sales": {
        "name": "Sales",
        "currency": "USD",
        "lost_reasons": ["price", "other"],
        "stages": [
            {"id": "first", "name": "First", "probability": 10, "kind": "open"},
            {"id": "won", "name": "Won", "probability": 100, "kind": "won"},
            {"id": "lost", "name": "Lost", "probability": 0, "kind": "lost"},
        ],
    }
}


def stage(document: dict[str, Any], number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = document["sales"]["stages"][number]
    return found


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update({"My Sales": d["sales"]}), "The pipeline My Sales has an id that is not a slug."),
        (lambda d: d.update(sales=1), "The pipeline sales is not a table."),
        (lambda d: d["sales"].pop("name"), "The pipeline sales lacks a name."),
        (lambda d: d["sales"].pop("stages"), "The pipeline sales lacks stages."),
        (lambda d: d["sales"].pop("currency"), "lacks a currency"),
        (lambda d: d["sales"].update(currency="Euro"), "names the currency 'Euro'"),
        (lambda d: d["sales"].update(lost_reasons=[]), "needs lost_reasons"),
        (lambda d: d["sales"].update(lost_reasons=["Too dear"]), "each a slug"),
        (
            lambda d: d["sales"].update(lost_reasons=["price", "price"]),
            "names a stage or a lost reason twice",
        ),
        (lambda d: stage(d, 1).update(id="first"), "names a stage or a lost reason twice"),
        (lambda d: stage(d).update(id="First"), "has a stage 'First', which is not a slug"),
        (lambda d: stage(d).update(kind="closed"), "gives its stage first the kind 'closed'"),
        (lambda d: stage(d).update(probability=101), "the probability 101. Give percent, 0 to 100."),
        (lambda d: stage(d).update(probability=0.5), "the probability 0.5."),
        (lambda d: stage(d).update(probability=True), "the probability True."),
        (lambda d: stage(d).pop("name"), "lacks a name"),
        (lambda d: stage(d).update(kind="won"), "needs at least one open stage"),
        (lambda d: d["sales"]["stages"].pop(), "one of the kind won and one of the kind lost"),
        (lambda d: d["sales"]["stages"].append(1), "has a stage that is not a table"),
    ],
)
def test_a_configuration_is_refused_with_what_is_wrong(
    change: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    document = copy.deepcopy(GOOD)
    parse(document)
    change(document)
    with pytest.raises(Invalid) as refusal:
        parse(document)
    assert sentence in str(refusal.value)


def test_stages_between_are_the_open_ones_in_their_order() -> None:
    sales = PIPELINES["sales"]
    assert sales.between(None, "prospecting") == ()
    assert sales.between(None, "proposal") == ("prospecting", "qualification")
    assert sales.between("prospecting", "negotiation") == ("qualification", "proposal")
    assert sales.between("negotiation", "prospecting") == ()
    assert sales.between("proposal", None) == ("negotiation",)
    assert sales.between("gone", None) == ()
    assert sales.between("prospecting", "gone") == ()


def test_the_configuration_that_comes_with_the_program_has_the_pipelines_that_are_documented() -> None:
    file = Path(__file__).parents[3] / "deploy" / "configuration" / "pipelines.toml"
    pipelines = parse(tomllib.loads(file.read_text("utf-8")))
    stages = {stage.id: (stage.probability, stage.kind) for stage in pipelines["sales"].stages}
    assert stages == {
        "prospecting": (10, "open"),
        "qualification": (20, "open"),
        "proposal": (50, "open"),
        "negotiation": (80, "open"),
        "won": (100, "won"),
        "lost": (0, "lost"),
    }
    assert [stage.id for stage in pipelines["maven"].stages] == ["prospecting", "engaging", "won", "lost"]
    assert "not-recorded" in pipelines["maven"].lost_reasons
