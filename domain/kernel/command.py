"""Commands: what can be asked of a record. Frozen values; what follows from one, the record decides."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Final, cast
from uuid import UUID

from domain.kernel.values import Reference

_NEW_ID: Final = "new_id"


def new_id() -> Any:
    """A dataclass field for an id that the dispatcher makes where the command names none."""
    return field(default=None, metadata={_NEW_ID: True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands have. `at` is when it happened in the business, now unless named.

    `verb` is the command's public name, as in `POST /v1/leads/{id}:convert`; `summary` says in a few words
    what it does. Both are permanent: clients use them.
    """

    verb: ClassVar[str]
    summary: ClassVar[str]

    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The record that it changes; None for a command that makes one."""
        raise TypeError("a command is a NewRecord or a RecordCommand")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord(Command):
    """A command that makes a record. `reference` is what another system calls it; one record per reference.

    `imported` history may refer to what is no longer in use.
    """

    verb: ClassVar[str] = "create"

    reference: Reference | None = None
    imported: bool = False
    id: UUID | None = new_id()

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCommand(Command):
    """A command on the existing record `id`."""

    id: UUID

    @property
    def target(self) -> UUID | None:
        """The record."""
        return self.id


@cache
def ids_to_make(command: Hashable) -> tuple[str, ...]:
    """The fields of a command's class that the dispatcher fills with new ids."""
    return tuple(each.name for each in fields(cast("Any", command)) if _NEW_ID in each.metadata)
