"""Lists parked events by aggregate, with the act that solves each category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from projections.runtime.decode import Category
from projections.runtime.statements import statement

FOLDER: Final = Path(__file__).parent

ACTS: Final[Mapping[Category, str]] = {
    "apply": "Correct the read model's fold, start its workers with it, then run "
    "`rapport projection retry {name} --version {version} --all`.",
    "decode": "See with `rapport store verify` whether the stored event was changed; correct what reads it, "
    "then run `rapport projection retry {name} --version {version} --all`.",
    "unknown_type": "Upgrade this program to the version that writes this type; the new workers apply it by "
    "themselves.",
    "key_missing": "Restore the key store from its backup, then run "
    "`rapport projection retry {name} --version {version} --all`.",
}
"""Category to the act that solves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An aggregate that waits: its first parked event, the error, and how many more are `waiting` behind it.

    `aggregate_id` is None if not even the envelope can be read: then the whole party waits. `error` has no
    private text.
    """

    position: int
    aggregate_id: str | None
    party: str
    category: Category
    error: str
    parked_at: datetime
    waiting: int
    act: str


def failures(
    c: Cursor, projection: str, version: int, *, aggregate: UUID | None = None, most: int | None = None
) -> list[Failure]:
    """Returns who waits in a read model's version, in order of position, at most `limit`; or only one
    `aggregate` (with the unreadable event of its party that it may wait behind)."""
    c.execute(
        statement(FOLDER / "sql" / "failures.sql"),
        {
            "projection": projection,
            "version": version,
            "aggregate": str(aggregate) if aggregate else None,
            "most": most,
        },
    )
    return [
        Failure(
            position=position,
            aggregate_id=aggregate_id,
            party=party,
            category=category,
            error=error,
            parked_at=parked_at,
            waiting=waiting,
            act=ACTS[category].format(name=projection, version=version),
        )
        for position, aggregate_id, party, category, error, parked_at, waiting in c.fetchall()
    ]
