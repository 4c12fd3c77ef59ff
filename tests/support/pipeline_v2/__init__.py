"""A next version of `pipeline`, in the tests alone: it counts how often an opportunity was reopened.

The column needs the whole history, so no statement could add it to version 1. And each reopening makes it
less probable by one percent: a value that version 1 has too, so that an answer tells whose rows it shows.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from projections.pipeline.v1.fold import CHANGES, COLUMNS, PIPELINE_V1
from projections.runtime.projection import EventMap, Projection, Row
from projections.runtime.versioned import Change, Data, next_version
from tests.support.pipeline_v2.queries import Opportunities


def _opened(row: Data, event: EventMap, data: Data) -> None:
    CHANGES["crm.opportunity.opened"](row, event, data)
    row["reopened"] = 0


def _reopened(row: Data, event: EventMap, data: Data) -> None:
    CHANGES["crm.opportunity.reopened"](row, event, data)
    row["reopened"] += 1
    row["probability"] = max(0, row["probability"] - 1)


CHANGES_2: Final[dict[str, Change]] = {
    **CHANGES,
    "crm.opportunity.opened": _opened,
    "crm.opportunity.reopened": _reopened,
}


def fold(row: Row | None, event: EventMap) -> Row:
    """The row of version 1, with how often it was reopened."""
    return next_version(row, event, CHANGES_2)


def other_fold(row: Row | None, event: EventMap) -> Row:
    """The fold, changed without a new version: one reopening is forgotten."""
    new = dict(fold(row, event))
    new["reopened"] = max(0, new["reopened"] - 1)
    return new


PIPELINE_V2: Final[Projection] = replace(
    PIPELINE_V1,
    version=2,
    tables=(replace(PIPELINE_V1.tables[0], columns={**COLUMNS, "reopened": "int"}, fold=fold),),
    folder=Path(__file__).parent,
    queries=Opportunities,
)

CHANGED_V2: Final[Projection] = replace(
    PIPELINE_V2, tables=(replace(PIPELINE_V2.tables[0], fold=other_fold),)
)
"""The same version by name and number, with another fold."""
