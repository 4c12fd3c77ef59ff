"""Defines a read model: a version, the families it reads, its tables, and one pure fold per table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EventMap = Mapping[str, Any]
"""An event as a fold sees it: the envelope's members at the newest schema version, and `position` (int)."""

Row = Mapping[str, Any]
"""A row by column name. Values are spelled as in events: ids, instants (`2017-12-31T00:00:00.000000Z`), days
and decimals are strings, whole numbers ints, flags bools, `jsonb` columns lists or objects, a missing value
is None. So folds copy values and parse none, and a row loaded from the database equals the folded one."""

Key = str
"""The value of a table's key column."""

KeysOf = Callable[[EventMap], Sequence[Key]]
"""The keys of the rows that an event writes in a table."""

Fold = Callable[[Row | None, EventMap], Row]
"""Returns the row of one key after the event; `None` is a row that does not exist yet. Pure: it uses no clock
and no configuration, and does not change the given row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a read model.

    `columns` gives each column's SQL type in the order of the table, `key` the name of its key column.
    `keys_of` returns the keys of the rows that an event writes: only of the event's party or aggregate, since
    otherwise two partitions could write one row. `history` names an insert-only table of the same columns
    that gets every row after each event, with `key` and `version` as key. With `single_aggregate`, only the
    events of the aggregate whose id is the key write the row, so it does not exist before the first event.
    With `write_once`, one event alone writes the row: nobody reads it again. `families` are those whose
    events `keys_of` has keys for; empty means any. It is not called for others. `keys_of` and `fold` are
    functions of a module, or partial ones, since a rebuild sends them to other processes.
    """

    name: str
    columns: Mapping[str, str]
    key: str
    keys_of: KeysOf
    fold: Fold
    history: str | None = None
    single_aggregate: bool = False
    write_once: bool = False
    families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """One version of a read model.

    `families` are the aggregates whose events it reads (a topic each). `folder` has `schema.sql` and
    `views.sql`. `views` are the names under `read`; `closed_views` are those that show clear private values,
    which the read-only role may not read. With `private`, events have `event["private"]`: personal values in
    clear by person and field, None if the key was destroyed. `queries` is the class of its questions, made
    with a connection; all versions of a read model have the same questions."""

    name: str
    version: int
    families: tuple[str, ...]
    tables: tuple[Table, ...]
    folder: Path
    views: tuple[str, ...]
    closed_views: tuple[str, ...] = ()
    private: bool = False
    queries: type[Any] | None = None

    @property
    def schema(self) -> str:
        """The PostgreSQL schema of this version."""
        return f"{self.name}_v{self.version}"

    @property
    def title(self) -> str:
        """The name of the version in sentences."""
        return f"{self.name} version {self.version}"

    @property
    def group(self) -> str:
        """The Kafka group whose offsets lag tools read."""
        return f"rapport.{self.name}.v{self.version}"


class OutOfOrder(ValueError):
    """The event's predecessor was not applied. The event is parked, since a fold would lose a change."""


class NotBegun(ValueError):
    """The event has version 1, but does not begin its record."""


def not_begun(event: EventMap) -> NotBegun:
    """Returns the error about an event that changes a row that does not exist."""
    return NotBegun(f"{event['id']} changes a record that did not begin with it")


def nothing(_: EventMap) -> Sequence[Key]:
    """Returns no keys: the table ignores the event."""
    return ()


def asked_about(table: Table, kind: str) -> KeysOf:
    """Returns the function for the keys that an event of this type (`crm.opportunity.won`) has in the
    table."""
    family = kind.partition(".")[2].partition(".")[0]
    return nothing if table.families and family not in table.families else table.keys_of


def subject(event: EventMap) -> Sequence[Key]:
    """Returns the aggregate's id as the one key."""
    return (event["subject"],)
