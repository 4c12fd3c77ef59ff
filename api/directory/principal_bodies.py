"""Principals: agents, teams and service accounts."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from api.http.shapes import ReferenceIn
from api.http.validation import Word
from api.writes.command_bodies import ChangeBody, CreateBody
from domain.directory.principal import commands
from domain.directory.principal.events import PrincipalKind
from domain.kernel.command import Command


class Register(CreateBody):
    """A new principal. Its name is stored encrypted."""

    makes: ClassVar[type[Command]] = commands.RegisterPrincipal

    kind: PrincipalKind
    name: Word = Field(examples=["Ann Example"])
    manager_id: UUID | None = None
    region: Word | None = Field(default=None, examples=["East"])
    reference: ReferenceIn | None = None


class ChangeProfile(ChangeBody):
    """Changes the named fields and leaves the rest. `remove` names `manager_id` or `region`."""

    makes: ClassVar[type[Command]] = commands.ChangePrincipal

    name: Word | None = None
    manager_id: UUID | None = None
    region: Word | None = Field(default=None, examples=["West"])
    remove: Annotated[tuple[Word, ...], Field(max_length=10)] = ()


class Deactivate(ChangeBody):
    """Deactivates the principal: it can be given nothing new."""

    makes: ClassVar[type[Command]] = commands.DeactivatePrincipal

    reason: Word | None = None


class Reactivate(ChangeBody):
    """Undoes a deactivation."""

    makes: ClassVar[type[Command]] = commands.ReactivatePrincipal
