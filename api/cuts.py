"""`as_of` and `known_at`: looking back to a business time, to what was recorded by a time, or to both."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query

from api.reading import Reading
from api.services import Services
from api.shapes import Moment
from domain.cut import Cut
from domain.events.catalogue import CATALOGUE
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


def row_then(
    services: Services, look: Reading, model: str, table: str, id: UUID, cut: Cut
) -> dict[str, Any] | None:
    """The row of a record as the active version's fold makes it of the record's events up to the cut; None
    where there is none. Values are spelled as in events."""
    rows = fold_all(look.model(model), services.crm.history(id, cut), CATALOGUE)[table]
    row = rows.get(str(id))
    return None if row is None else {**row, "updated_at": row["recorded"]}
