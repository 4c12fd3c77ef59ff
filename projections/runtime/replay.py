"""A read model's fold alone, in memory, without the runtime: it gives the right rows.

Tests and verification compare the tables with it. So it shares nothing with how workers apply events: no
batches, no cache, no SQL, no parked events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from domain.events.envelope import parse
from domain.events.registry import Registry
from projections.runtime.projection import Key, Projection, Row


class Stored(Protocol):
    """The members of a stored event that a fold needs."""

    @property
    def position(self) -> int: ...
    @property
    def event(self) -> bytes: ...


Rows = dict[str, dict[Key, Row]]
"""By table and key. A history's keys are `<key>/<version>`."""


def fold_all(
    projection: Projection,
    events: Iterable[Stored],
    registry: Registry,
    opened: Callable[[dict[str, Any]], dict[str, Any]] = lambda event: event,
) -> Rows:
    """Returns the rows of every table after these events of any families, in order of position.

    `opened` opens private values for a model that needs them. Raises the errors of the fold.
    """
    rows: Rows = {}
    for table in projection.tables:
        rows[table.name] = {}
        if table.history:
            rows[table.history] = {}
    families = {f"crm.{family}" for family in projection.families}
    for stored in events:
        envelope = parse(stored.event)
        if envelope["type"].rsplit(".", 1)[0] not in families:
            continue
        event = opened({**registry.upcast(envelope), "position": stored.position})
        for table in projection.tables:
            for key in table.keys_of(event):
                row = table.fold(rows[table.name].get(key), event)
                rows[table.name][key] = row
                if table.history:
                    rows[table.history][f"{key}/{row['version']}"] = row
    return rows
