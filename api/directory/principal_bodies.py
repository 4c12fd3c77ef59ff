"""Principals: agents, teams and service accounts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.http.shapes import ReferenceIn, reference
from api.http.validation import Word
from api.writes.command_routes import ChangeBody, CreateBody
from domain.directory.principal import commands
from domain.directory.principal.events import PrincipalKind


class Register(CreateBody):
    """A new principal. Its name is stored encrypted."""

    kind: PrincipalKind
    name: Word = Field(examples=["Ann Example"])
    manager_id: UUID | None = None
    region: Word | None = Field(default=None, examples=["East"])
    reference: ReferenceIn | None = None

    def command(self) -> commands.RegisterPrincipal:
        return commands.RegisterPrincipal(
            kind=self.kind,
            name=self.name,
            manager_id=self.manager_id,
            region=self.region,
            reference=reference(self.reference),
            at=self.at,
        )


class ChangeProfile(ChangeBody):
    """Changes what is named and leaves the rest. `remove` names `manager_id` or `region`."""

    name: Word | None = None
    manager_id: UUID | None = None
    region: Word | None = Field(default=None, examples=["West"])
    remove: Annotated[tuple[Word, ...], Field(max_length=10)] = ()

    def command(self, id: UUID) -> commands.ChangePrincipal:
        return commands.ChangePrincipal(
            id=id,
            name=self.name,
            manager_id=self.manager_id,
            region=self.region,
            remove=self.remove,
            at=self.at,
        )


class Deactivate(ChangeBody):
    """From now on it can be given nothing new."""

    reason: Word | None = None

    def command(self, id: UUID) -> commands.DeactivatePrincipal:
        return commands.DeactivatePrincipal(id=id, reason=self.reason, at=self.at)


class Reactivate(ChangeBody):
    """Takes a deactivation back."""

    def command(self, id: UUID) -> commands.ReactivatePrincipal:
        return commands.ReactivatePrincipal(id=id, at=self.at)
