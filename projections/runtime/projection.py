"""What a read model is: a version, the families it reads, its tables, and one pure fold per table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EventMap = Mapping[str, Any]
"""An event as a fold sees it: the envelope's members at the newest schema version, and `position` (int)."""

Row = Mapping[str, Any]
"""A row by column name. Values are spelled as in events: ids, instants (`2017-12-31T00:00:00.000000Z`), days
and decimals are strings, whole numbers ints, flags bools, `jsonb` columns lists or objects, absent is None.
So folds copy values and parse none, and a row loaded from the database equals the one that was folded."""

Key = str
"""The value of a table's key column."""

KeysOf = Callable[[EventMap], Sequence[Key]]
"""The keys of the rows that an event writes in a table."""

Fold = Callable[[Row | None, EventMap], Row]
"""The row of one key after the event; `None` stands for a row that does not exist yet. Pure: no clock, no
configuration, the row given is not changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a read model.

    `columns` gives each column's SQL type in the order of the table, `key` the name of its key column.
    `touches` gives the keys of the rows that an event writes: of the event's party or aggregate alone, else
    two partitions could write one row. `history` names an insert-only table of the same columns that gets
    every row as it was after each event, keyed by `key` and `version`. With `own`, only the events of the
    aggregate whose id is the key write the row, so there is none before its first event. With `once`, one
    event alone writes the row: it is never read again. `families` are those whose events `touches` has keys
    for; none named: any. It is not asked about others. `touches` and `fold` are functions of a module, or
    partial ones: a rebuild sends them to other processes.
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
    """One version of a read model. `families` are the aggregates whose events it reads (a topic each);
    `folder` holds `schema.sql` and `views.sql`; `views` are the names under `read`, `closed_views` those of
    them that show clear private values, which the read-only role may not read. With `private`, events come
    with `event["private"]`: personal values in clear by person and field, None where a key was destroyed.
    `queries` is the class of its questions, made over a connection; all versions of a read model answer the
    same ones."""

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
        """The version as sentences name it."""
        return f"{self.name} version {self.version}"

    @property
    def group(self) -> str:
        """The Kafka group under which offsets are shown to lag tools."""
        return f"rapport.{self.name}.v{self.version}"


class OutOfOrder(ValueError):
    """An event whose predecessor has not been applied; it is parked, since folding it would lose a change."""


class NotBegun(ValueError):
    """An event that changes a record which did not begin with it, though it says that it is the first."""


def not_begun(event: EventMap) -> NotBegun:
    """The error about an event that changes a row which is not there."""
    return NotBegun(f"{event['id']} changes a record that did not begin with it")


def nothing(_: EventMap) -> Sequence[Key]:
    """The keys of an event that a table does not mind."""
    return ()


def asked_about(table: Table, kind: str) -> KeysOf:
    """What gives the keys that an event of this type (`crm.opportunity.won`) has in the table."""
    family = kind.partition(".")[2].partition(".")[0]
    return nothing if table.families and family not in table.families else table.keys_of


def subject(event: EventMap) -> Sequence[Key]:
    """The aggregate's id as the one key."""
    return (event["subject"],)
