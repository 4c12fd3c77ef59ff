"""The fold of version 2 of `pipeline`, and one that differs under the same number."""

from __future__ import annotations

from typing import Final

from projections.pipeline.v1.fold import CHANGES
from projections.runtime.projection import EventMap, Row
from projections.runtime.versioned import Change, Data, next_version


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
