"""Contacts: a person at a customer, its contact points, and the consents for them."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from api.http.shapes import Moment, ReferenceIn
from api.http.validation import Text, Word
from api.writes.command_bodies import ChangeBody, CreateBody
from domain.customers.contact import commands
from domain.customers.contact.events import LegalBasis, PointKind
from domain.kernel.command import Command


class RegisterContact(CreateBody):
    """A new contact of a customer. The name is stored encrypted."""

    makes: ClassVar[type[Command]] = commands.RegisterContact

    customer_id: UUID
    name: Word = Field(examples=["Ann Example"])
    role: Word | None = Field(default=None, examples=["purchasing"])
    reference: ReferenceIn | None = None


class ChangeContact(ChangeBody):
    """Changes the named fields and leaves the rest. `remove` names `role`."""

    makes: ClassVar[type[Command]] = commands.ChangeContact

    name: Word | None = None
    role: Word | None = Field(default=None, examples=["director"])
    remove: Annotated[tuple[Word, ...], Field(max_length=10)] = ()


class AddContactPoint(ChangeBody):
    """Adds an address at which the person can be reached; stored encrypted. The contact's record names its
    id, which may be chosen here."""

    makes: ClassVar[type[Command]] = commands.AddContactPoint

    kind: PointKind
    value: Text = Field(examples=["ann@example.org"])
    point_id: UUID | None = None


class VerifyContactPoint(ChangeBody):
    """Records that the contact point is the person's, as `method` has shown."""

    makes: ClassVar[type[Command]] = commands.VerifyContactPoint

    point_id: UUID
    method: Word = Field(examples=["link in a mail"])


class GiveConsent(ChangeBody):
    """Allows the use of the contact point for the purpose from `at` on, until `until` if that is named."""

    makes: ClassVar[type[Command]] = commands.GiveConsent

    point_id: UUID
    purpose: Word = Field(examples=["newsletter"])
    legal_basis: LegalBasis
    source: Word = Field(description="Where it was given.", examples=["web form"])
    double_opt_in: bool = False
    until: Moment | None = None


class WithdrawConsent(ChangeBody):
    """Ends the use of the contact point for the purpose."""

    makes: ClassVar[type[Command]] = commands.WithdrawConsent

    point_id: UUID
    purpose: Word = Field(examples=["newsletter"])
    source: Word = Field(description="Where it was withdrawn.", examples=["unsubscribe link"])
