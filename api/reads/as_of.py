"""`as_of` and `known_at`: looking back by business time, by recorded time, or by both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from api.http.problems import Problem
from api.http.shapes import Instant, Moment
from api.reads.snapshot import Snapshot
from api.services import Services
from commands.store.event_reader import StoredRow
from domain.events.catalogue import CATALOGUE
from domain.kernel.as_of import AsOf
from projections.customer_360.questions import PastSections
from projections.runtime.projection import Projection
from projections.runtime.replay import Rows, fold_all

MAX_RECORDS: Final = 5_000
"""Most records to fold for one section of an earlier overview: some 100 microseconds for each event."""

TIMES: Final = ("as_of", "known_at")
"""The query parameters for looking back."""

AsOfTime = Annotated[
    Moment | None,
    Query(
        description="As it was at this business time, included.",
        examples=["2017-06-30T00:00:00Z"],
    ),
]
KnownAtTime = Annotated[
    Moment | None,
    Query(description="What had been recorded by this time, included; may be given with as_of."),
]


class AsOfAnswer(BaseModel):
    """A response that may be about the past; both are null in one about now."""

    as_of: Instant | None = Field(default=None, description="The business time of the request.")
    known_at: Instant | None = Field(default=None, description="The recorded time of the request.")


def as_of_query(as_of: AsOfTime = None, known_at: KnownAtTime = None) -> AsOf:
    """A dependency: the bounds of the request."""
    return AsOf(as_of=as_of, known_at=known_at)


AsOfQuery = Annotated[AsOf, Depends(as_of_query)]


def row_as_of(model: Projection, table: str, events: Sequence[StoredRow]) -> dict[str, Any] | None:
    """Returns the row that a read model's fold makes of one record's first events; None without events.
    Values are spelled as in events."""
    rows = fold_all(model, events, CATALOGUE)[table].values()
    return next(({**row, "updated_at": row["recorded"]} for row in rows), None)


def past(services: Services, look: Snapshot, moment: AsOf) -> PastSections | None:
    """Returns how `customer_360` looks back: its own folds over the event store's records, with the keys of
    today, so that a person erased since is erased there too. Returns None without bounds. Its use raises
    `Problem` (`validation`) for a section of more than `MAX_RECORDS`."""
    if moment.whole:
        return None

    def rows(ids: Sequence[UUID]) -> Rows:
        if len(ids) > MAX_RECORDS:
            raise Problem(
                "validation",
                f"A section of the overview needs {len(ids):,} records at that time; at most "
                f"{MAX_RECORDS:,} are allowed. Leave that section out with `sections`, or read the records "
                "one by "
                "one.",
            )
        events = services.crm.histories(ids, moment)
        return fold_all(look.model("customer_360"), events, CATALOGUE, services.crm.opener(events))

    return PastSections(moment, rows)
