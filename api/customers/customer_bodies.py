"""Customers: registering, upserting by external id, changing, merging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api.http.shapes import ReferenceIn
from api.http.validation import Body, Word
from api.writes.command_bodies import ChangeBody, CreateBody
from domain.customers.customer import commands
from domain.customers.customer.events import CustomerKind
from domain.customers.customer.preferences import PREFERENCES, Preference
from domain.customers.customer.state import Customer
from domain.kernel.command import Command
from domain.kernel.values import Reference

Attributes = Annotated[dict[Word, Word], Field(max_length=100)]
Preferences = Annotated[dict[Preference, Word], Field(max_length=len(PREFERENCES))]
"""The closed list of keys; `domain/customers/customer/preferences.py` says what each value looks like."""
Words = Annotated[tuple[Word, ...], Field(max_length=100)]


def _preferred(given: Mapping[Preference, str]) -> dict[str, str]:
    return {str(name): value for name, value in given.items()}


PREFERRED: Final = {
    "language": "de", "channel": "phone", "contact_days": "mon,tue,fri", "contact_hours": "09:00-12:00",
    "time_zone": "Europe/Berlin",
}  # fmt: skip


class Register(CreateBody):
    """A new customer. The name of a person is stored encrypted."""

    makes: ClassVar[type[Command]] = commands.RegisterCustomer

    kind: CustomerKind
    name: Word = Field(examples=["Acme Corporation"])
    parent_id: UUID | None = Field(default=None, description="The parent organisation.")
    owner_id: UUID | None = None
    attributes: Attributes = Field(default_factory=dict, examples=[{"sector": "retail"}])
    tags: Words = ()
    preferences: Preferences = Field(default_factory=dict, examples=[PREFERRED])
    reference: ReferenceIn | None = None


class Upsert(Body):
    """The wanted state of a customer. Fields that are left out stay; `tags`, `attributes` and `preferences`
    replace all of theirs."""

    kind: CustomerKind
    name: Word = Field(examples=["Acme Corporation"])
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Attributes | None = Field(default=None, examples=[{"sector": "retail"}])
    tags: Words | None = Field(default=None, examples=[["key account"]])
    preferences: Preferences | None = Field(default=None, examples=[PREFERRED])

    def registering(self, reference: Reference) -> commands.RegisterCustomer:
        """The command that registers the customer."""
        return commands.RegisterCustomer(
            kind=self.kind,
            name=self.name,
            parent_id=self.parent_id,
            owner_id=self.owner_id,
            attributes=self.attributes or {},
            tags=self.tags or (),
            preferences=_preferred(self.preferences or {}),
            reference=reference,
        )

    def changing(self, customer: Customer) -> commands.ChangeCustomer:
        """The command that brings `customer` to this state."""
        kept = customer.tags if self.tags is None else set(self.tags)
        named = customer.attributes if self.attributes is None else self.attributes
        preferred = customer.preferences if self.preferences is None else _preferred(self.preferences)
        gone = [f"attributes.{name}" for name in customer.attributes if name not in named]
        gone += [f"preferences.{name}" for name in customer.preferences if name not in preferred]
        return commands.ChangeCustomer(
            id=customer.id,
            name=self.name,
            parent_id=self.parent_id,
            owner_id=self.owner_id,
            attributes=named,
            preferences=preferred,
            add_tags=self.tags or (),
            remove_tags=tuple(sorted(customer.tags - kept)),
            remove=tuple(gone),
        )


EXAMPLE: Final[JsonDict] = {
    "reference": {"source": "erp", "external_id": "4711"},
    "kind": "organisation",
    "name": "Acme Corporation",
    "attributes": {"sector": "retail"},
}


class UpsertItem(Upsert):
    """The wanted state of a customer, by external id."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    reference: ReferenceIn


class ChangeProfile(ChangeBody):
    """Changes the named fields and leaves the rest. `remove` names `parent_id`, `attributes.<name>` or
    `preferences.<name>`."""

    makes: ClassVar[type[Command]] = commands.ChangeCustomer

    name: Word | None = None
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Attributes = Field(default_factory=dict, examples=[{"sector": "software"}])
    preferences: Preferences = Field(default_factory=dict, examples=[{"language": "pt-BR"}])
    add_tags: Words = ()
    remove_tags: Words = ()
    remove: Words = ()


class AssignOwner(ChangeBody):
    """Gives it to another principal."""

    makes: ClassVar[type[Command]] = commands.AssignCustomerOwner

    owner_id: UUID


class AddReference(ChangeBody):
    """Adds another system's id of this customer. From then on `PUT /v1/customers/by/{source}/{external_id}`
    changes this customer instead of creating a second one. An external id of another record is refused (409);
    the problem names that record. One that this customer has already changes nothing. A reference is
    permanent."""

    makes: ClassVar[type[Command]] = commands.AddReference

    reference: ReferenceIn = Field(examples=[{"source": "shop", "external_id": "A-1"}])


class Merge(ChangeBody):
    """Merges this customer into the survivor. Records stay where they are; the merge can be undone."""

    makes: ClassVar[type[Command]] = commands.MergeCustomers

    survivor_id: UUID


class Unmerge(ChangeBody):
    """Undoes the merge of this customer."""

    makes: ClassVar[type[Command]] = commands.UnmergeCustomer
