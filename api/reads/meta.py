"""The `meta` of every read: where the response comes from and how fresh it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field

from api.reads.consistency import Consistency
from api.reads.lag import head, recorded_behind
from api.reads.snapshot import Snapshot
from api.services import Services

Source = Literal["read_model", "store", "both"]


class Lag(BaseModel):
    """The lag of the read models behind the event store."""

    events: int | None = Field(
        description="Positions between the read models and the store's newest; null while the store is away."
    )
    seconds: float | None = Field(
        description="Age of the oldest change not yet applied; 0 when all are applied, null when unknown."
    )


class Model(BaseModel):
    """One of the read models that a response was made from."""

    projection: str = Field(examples=["identity"])
    version: int = Field(examples=[1])
    position: int = Field(description="It holds every event up to this position.")
    lag: Lag


class Meta(BaseModel):
    """Where a response comes from and how fresh it is."""

    projection: str = Field(examples=["pipeline"])
    version: int = Field(description="Version of the read model.", examples=[1])
    position: int = Field(
        description="The response holds every event up to this position (the least of the models used)."
    )
    lag: Lag
    source: Source = Field(
        default="read_model",
        description="`read_model`: rows of the models. `store`: folded from the event store as of the time "
        "of the request, so it waits for no model. `both`: the list of records comes "
        "from the models, their states then from the store.",
    )
    stale: bool = Field(description="True when the change that Consistency-Token asked for is missing.")
    parked: int = Field(
        description="Events that could not be applied and wait for an operator; their changes are missing."
    )
    parked_here: int | None = Field(
        description="How many of them belong to the customer or record that the response is about, "
        "each counted once; null if it is about many."
    )
    models: list[Model] = Field(description="Each read model used, the main one first.")


def meta_of(
    services: Services,
    look: Snapshot,
    consistency: Consistency,
    *,
    parked_here: int | None = None,
    source: Source = "read_model",
) -> Meta:
    """Returns the `meta` of a response made from `look`; `parked_here` for one about a single customer or
    record."""
    lag = _lags(services, {look.position, *look.positions.values()})
    return Meta(
        projection=look.projection,
        version=look.version,
        position=look.position,
        lag=lag[look.position],
        source=source,
        stale=consistency.stale_at(look.position),
        parked=look.parked,
        parked_here=parked_here,
        models=[
            Model(projection=name, version=look.versions[name], position=position, lag=lag[position])
            for name, position in look.positions.items()
        ],
    )


def _lags(services: Services, positions: Iterable[int]) -> dict[int, Lag]:
    """Returns the lag of models at these positions, all against the same newest event."""
    newest = head(services)
    return {position: _lag(services, newest, position) for position in positions}


def _lag(services: Services, newest: int | None, position: int) -> Lag:
    if newest is None:
        return Lag(events=None, seconds=None)
    if newest <= position:
        return Lag(events=0, seconds=0.0)
    oldest = recorded_behind(services)(position)
    seconds = None if oldest is None else max(0.0, (services.clock() - oldest).total_seconds())
    return Lag(events=newest - position, seconds=seconds)
