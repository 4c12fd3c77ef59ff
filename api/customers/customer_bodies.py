"""Customers: registering one, making it so by its external id, changing it, merging two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api.http.shapes import ReferenceIn, reference
from api.http.validation import Body, Word
from api.writes.command_routes import ChangeBody, CreateBody
from domain.customers.customer import commands
from domain.customers.customer.events import CustomerKind
from domain.customers.customer.preferences import PREFERENCES, Preference
from domain.customers.customer.state import Customer
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

    kind: CustomerKind
    name: Word = Field(examples=["Acme Corporation"])
    parent_id: UUID | None = Field(default=None, description="The parent organisation.")
    owner_id: UUID | None = None
    attributes: Attributes = Field(default_factory=dict, examples=[{"sector": "retail"}])
    tags: Words = ()
    preferences: Preferences = Field(default_factory=dict, examples=[PREFERRED])
    reference: ReferenceIn | None = None

    def command(self) -> commands.RegisterCustomer:
        return commands.RegisterCustomer(
            kind=self.kind,
            name=self.name,
            parent_id=self.parent_id,
            owner_id=self.owner_id,
            attributes=self.attributes,
            tags=self.tags,
            preferences=_preferred(self.preferences),
            reference=reference(self.reference),
            at=self.at,
        )


class Upsert(Body):
    """A customer as it is to be. What is left out stays as it is; `tags`, `attributes` and `preferences` that
    are named are all of them."""

    kind: CustomerKind
    name: Word = Field(examples=["Acme Corporation"])
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Attributes | None = Field(default=None, examples=[{"sector": "retail"}])
    tags: Words | None = Field(default=None, examples=[["key account"]])
    preferences: Preferences | None = Field(default=None, examples=[PREFERRED])

    def registering(self, reference: Reference) -> commands.RegisterCustomer:
        """The command where there is no such customer."""
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
        """The command that makes `customer` so."""
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
    """A customer as it is to be, by its external id."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    reference: ReferenceIn


class ChangeProfile(ChangeBody):
    """Changes what is named and leaves the rest. `remove` names `parent_id`, `attributes.<name>` or
    `preferences.<name>`."""

    name: Word | None = None
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Attributes = Field(default_factory=dict, examples=[{"sector": "software"}])
    preferences: Preferences = Field(default_factory=dict, examples=[{"language": "pt-BR"}])
    add_tags: Words = ()
    remove_tags: Words = ()
    remove: Words = ()

    def command(self, id: UUID) -> commands.ChangeCustomer:
        return commands.ChangeCustomer(
            id=id,
            name=self.name,
            parent_id=self.parent_id,
            owner_id=self.owner_id,
            attributes=self.attributes,
            preferences=_preferred(self.preferences),
            add_tags=self.add_tags,
            remove_tags=self.remove_tags,
            remove=self.remove,
            at=self.at,
        )


class AssignOwner(ChangeBody):
    """Gives it to another principal."""

    owner_id: UUID

    def command(self, id: UUID) -> commands.AssignCustomerOwner:
        return commands.AssignCustomerOwner(id=id, owner_id=self.owner_id, at=self.at)


class AddReference(ChangeBody):
    """Another system knows this customer, too. From then on its `PUT /v1/customers/by/{source}/{external_id}`
    changes this customer instead of making a second one. An external id of another record is refused (409)
    and names that record; one that this customer has already changes nothing. A reference is for ever."""

    reference: ReferenceIn = Field(examples=[{"source": "shop", "external_id": "A-1"}])

    def command(self, id: UUID) -> commands.AddReference:
        return commands.AddReference(
            id=id,
            reference=Reference(source=self.reference.source, external_id=self.reference.external_id),
            at=self.at,
        )


class Merge(ChangeBody):
    """This customer was the same as the survivor all along. Moves no record and can be undone."""

    survivor_id: UUID

    def command(self, id: UUID) -> commands.MergeCustomers:
        return commands.MergeCustomers(id=id, survivor_id=self.survivor_id, at=self.at)


class Unmerge(ChangeBody):
    """Takes the merge of this customer back."""

    def command(self, id: UUID) -> commands.UnmergeCustomer:
        return commands.UnmergeCustomer(id=id, at=self.at)
