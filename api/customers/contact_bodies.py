"""Contacts: a person at a customer, its contact points, and the consents for them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.http.shapes import Moment, ReferenceIn, reference
from api.http.validation import Text, Word
from api.writes.command_routes import ChangeBody, CreateBody
from domain.customers.contact import commands
from domain.customers.contact.events import LegalBasis, PointKind


class RegisterContact(CreateBody):
    """A new contact of a customer. The name is stored encrypted."""

    customer_id: UUID
    name: Word = Field(examples=["Ann Example"])
    role: Word | None = Field(default=None, examples=["purchasing"])
    reference: ReferenceIn | None = None

    def command(self) -> commands.RegisterContact:
        return commands.RegisterContact(
            customer_id=self.customer_id,
            name=self.name,
            role=self.role,
            reference=reference(self.reference),
            at=self.at,
        )


class ChangeContact(ChangeBody):
    """Changes what is named and leaves the rest. `remove` names `role`."""

    name: Word | None = None
    role: Word | None = Field(default=None, examples=["director"])
    remove: Annotated[tuple[Word, ...], Field(max_length=10)] = ()

    def command(self, id: UUID) -> commands.ChangeContact:
        return commands.ChangeContact(id=id, name=self.name, role=self.role, remove=self.remove, at=self.at)


class AddContactPoint(ChangeBody):
    """Adds an address at which the person can be reached; stored encrypted. The contact's record names its
    id, which may be chosen here."""

    kind: PointKind
    value: Text = Field(examples=["ann@example.org"])
    point_id: UUID | None = None

    def command(self, id: UUID) -> commands.AddContactPoint:
        return commands.AddContactPoint(
            id=id, kind=self.kind, value=self.value, point_id=self.point_id, at=self.at
        )


class VerifyContactPoint(ChangeBody):
    """The contact point is the person's, as `method` has shown."""

    point_id: UUID
    method: Word = Field(examples=["link in a mail"])

    def command(self, id: UUID) -> commands.VerifyContactPoint:
        return commands.VerifyContactPoint(id=id, point_id=self.point_id, method=self.method, at=self.at)


class RemoveContactPoint(ChangeBody):
    """The contact point is used no more; consents for it end."""

    point_id: UUID

    def command(self, id: UUID) -> commands.RemoveContactPoint:
        return commands.RemoveContactPoint(id=id, point_id=self.point_id, at=self.at)


class GiveConsent(ChangeBody):
    """The contact point may be used for the purpose from `at` on, until `until` where that is named."""

    point_id: UUID
    purpose: Word = Field(examples=["newsletter"])
    legal_basis: LegalBasis
    source: Word = Field(description="Where it was given.", examples=["web form"])
    double_opt_in: bool = False
    until: Moment | None = None

    def command(self, id: UUID) -> commands.GiveConsent:
        return commands.GiveConsent(
            id=id,
            point_id=self.point_id,
            purpose=self.purpose,
            legal_basis=self.legal_basis,
            source=self.source,
            double_opt_in=self.double_opt_in,
            until=self.until,
            at=self.at,
        )


class WithdrawConsent(ChangeBody):
    """The contact point may be used for the purpose no more."""

    point_id: UUID
    purpose: Word = Field(examples=["newsletter"])
    source: Word = Field(description="Where it was withdrawn.", examples=["unsubscribe link"])

    def command(self, id: UUID) -> commands.WithdrawConsent:
        return commands.WithdrawConsent(
            id=id, point_id=self.point_id, purpose=self.purpose, source=self.source, at=self.at
        )
