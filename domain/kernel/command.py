"""Commands on records: frozen values. The record's `decide` says which events follow from one."""

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
    """Base of all commands. `at` is when it happened in the business, now unless named.

    `verb` is the command's public name, as in `POST /v1/leads/{id}:convert`; `summary` is what it
    does, in a few words. Both are permanent: clients use them.
    """

    verb: ClassVar[str]
    summary: ClassVar[str]

    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The id of the record that it changes; None for a command that creates one."""
        raise TypeError("a command is a NewRecord or a RecordCommand")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord(Command):
    """A command that creates a record. `reference` is its id in another system; one record per reference.

    `imported` history may refer to records that are out of use.
    """

    verb: ClassVar[str] = "create"

    reference: Reference | None = None
    imported: bool = False
    id: UUID | None = new_id()

    @property
    def target(self) -> UUID | None:
        """None: it creates a record."""
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
