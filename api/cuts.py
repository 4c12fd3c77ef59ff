"""`as_of` and `known_at`: looking back to a business time, to what was recorded by a time, or to both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query

from api.shapes import Moment
from commands.store.follower import StoredRow
from domain.cut import Cut
from domain.events.catalogue import CATALOGUE
from projections.projection import Projection
from projections.replay import fold_all

AsOf = Annotated[
    Moment | None,
    Query(
        description="As it was at this business time, included.",
        examples=["2017-06-30T00:00:00Z"],
    ),
]
KnownAt = Annotated[
    Moment | None,
    Query(description="What had been recorded by this time, included; may be given with as_of."),
]


def cut(as_of: AsOf = None, known_at: KnownAt = None) -> Cut:
    """A dependency: the cut that was asked for."""
    return Cut(as_of=as_of, known_at=known_at)


Cutting = Annotated[Cut, Depends(cut)]


def row_then(model: Projection, table: str, events: Sequence[StoredRow]) -> dict[str, Any] | None:
    """The row that a read model's fold makes of one record's first events; None where there are none. Values
    are spelled as in events."""
    rows = fold_all(model, events, CATALOGUE)[table].values()
    return next(({**row, "updated_at": row["recorded"]} for row in rows), None)
