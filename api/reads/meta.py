"""What every read answer says about itself: where it comes from and how fresh it is."""

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
    """How far the read models stand behind the event store."""

    events: int | None = Field(
        description="Positions between the read models and the store's newest; null while the store is away."
    )
    seconds: float | None = Field(
        description="Age of the oldest change not yet applied; 0 when there is none, null when unknown."
    )


class Model(BaseModel):
    """One of the read models that an answer was made from."""

    projection: str = Field(examples=["identity"])
    version: int = Field(examples=[1])
    position: int = Field(description="Every event up to this position is in it.")
    lag: Lag


class Meta(BaseModel):
    """Where an answer comes from and how fresh it is."""

    projection: str = Field(examples=["pipeline"])
    version: int = Field(description="Version of the read model.", examples=[1])
    position: int = Field(
        description="Every event up to this position is in the answer (the least of the models used)."
    )
    lag: Lag
    source: Source = Field(
        default="read_model",
        description="`read_model`: rows of the models. `store`: folded from the event store up to the cut "
        "that was asked for, so it needs no model to have caught up. `both`: which records it is about comes "
        "from the models, what they were then from the store.",
    )
    stale: bool = Field(description="True when the change that Consistency-Token asked for is missing.")
    parked: int = Field(
        description="Events that could not be applied and wait for an operator; what they changed is missing."
    )
    parked_here: int | None = Field(
        description="How many events of the very customer or record that the answer is about are among them, "
        "each counted once; null where the answer is about many."
    )
    models: list[Model] = Field(description="Each read model used, the one that the answer is about first.")


def meta_of(
    services: Services,
    look: Snapshot,
    consistency: Consistency,
    *,
    parked_here: int | None = None,
    source: Source = "read_model",
) -> Meta:
    """The `meta` of an answer made from `look`; `parked_here` for one about a single customer or record."""
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
    """The lag of models at these positions, all against the same newest event."""
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
