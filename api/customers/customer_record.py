"""A customer as the event store has it."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from api.http.shapes import ReferenceOut
from api.reads.records import Ids, Record, Words
from domain.customers.customer.state import Customer


class CustomerRecord(Record):
    """A customer as of its last event."""

    private = ("name",)

    kind: str = Field(examples=["organisation"])
    state: str = Field(description="active, merged (then `survivor_id` is who it is now), or erased.")
    name: str | None
    parent_id: UUID | None
    owner_id: UUID | None
    attributes: dict[str, str]
    tags: Words
    preferences: dict[str, str]
    references: list[ReferenceOut]
    survivor_id: UUID | None
    absorbed: Ids = Field(description="Customers merged into this one.")

    @classmethod
    def gives_private(cls, state: Customer) -> bool:
        """An organisation's name is not private."""
        return state.kind == "person"
