"""What a batch asks for while it is folded: no row that begins in it, and persons' keys at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest

from domain.events.catalogue import CATALOGUE
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.runtime.binary_copy import Cells
from projections.runtime.bulk_load import BulkLoad, Filler
from projections.runtime.decode import Decoder, Received
from projections.runtime.folding import CHUNK_EVENTS, Folder
from projections.runtime.projection import Key, Projection, Row
from projections.runtime.tables import TableStore
from tests.support.histories import CIPHER, HistoryCipher, long_history

NO_DATABASE: Any = None
"""Nothing here asks one."""


Asking = tuple[str, Key]
"""A table's name, and a key."""


class Asked(TableStore):
    """A table without rows that remembers the requested ids."""

    def __init__(self, projection: Projection, number: int, cells: Cells, asked: set[Asking]) -> None:
        super().__init__(projection, projection.tables[number], cells)
        self._asked = asked

    def load(self, c: Any, keys: Sequence[Key]) -> dict[Key, Row]:
        self._asked.update((self.table.name, key) for key in keys)
        return {}


class Counting(HistoryCipher):
    """Counts how often keys are got that were not had yet."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[set[UUID]] = []
        self._had: set[UUID] = set()

    def load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        new = {UUID(person) for private in privates for person in private.get("persons", ())} - self._had
        if new:
            self.got.append(new)
            self._had |= new


def folder(projection: Projection, cipher: HistoryCipher, asked: set[Asking]) -> Folder:
    """One over tables without rows."""
    cells = Cells()
    stores = [Asked(projection, number, cells, asked) for number in range(len(projection.tables))]
    return Folder(projection, Decoder(CATALOGUE, cipher), stores)


def decoded(event: Received) -> Mapping[str, Any]:
    """Its envelope."""
    return Decoder(CATALOGUE, CIPHER)(event.position, event.value)


def received(projection: Projection, number: int = 4_000) -> list[Received]:
    """Events of every family that the projection reads."""
    rows = long_history(number, every_family=True, spread=60).rows
    wanted = [row for row in rows if row.type.split(".")[1] in projection.families]
    return [
        Received(position, str(row.party), row.event) for position, row in zip(count(1), wanted, strict=False)
    ]


@pytest.mark.parametrize("projection", [PIPELINE_V1, CUSTOMER_360_V1], ids=lambda p: p.name)
def test_rows_that_begin_in_a_batch_are_not_asked_for(projection: Projection) -> None:
    """Each would cost a query. (A person's row may begin with a later event than its aggregate's first.)"""
    events = received(projection)
    assert len(events) > 2 * CHUNK_EVENTS
    asked: set[Asking] = set()
    folded = folder(projection, CIPHER, asked).fold_plainly(NO_DATABASE, events)
    assert folded.parked == []
    begun = {
        (table.name, row[table.key])
        for table, rows in zip(projection.tables, folded.rows, strict=True)
        for row in rows
        if table.single_aggregate and table.name != "person"
    }
    assert len(begun) > 20
    assert not begun & asked


def test_rows_that_began_earlier_are_asked_for_once() -> None:
    events = received(PIPELINE_V1)
    earlier, later = events[:CHUNK_EVENTS], events[CHUNK_EVENTS:]
    began = {event["subject"] for event in map(decoded, earlier)}
    subjects = {event["subject"] for event in map(decoded, later)}
    needed = {("opportunity", subject) for subject in subjects & began}
    asked: set[Asking] = set()
    folder(PIPELINE_V1, CIPHER, asked).fold_plainly(NO_DATABASE, later)
    assert needed
    assert asked == needed


def test_keys_are_got_once_for_many_events() -> None:
    """Not chunk by chunk, neither by a live worker nor in a rebuild."""
    events = received(CUSTOMER_360_V1)
    live, rebuilt = Counting(), Counting()
    folder(CUSTOMER_360_V1, live, set()).fold_plainly(NO_DATABASE, events)
    BulkLoad(CUSTOMER_360_V1, Decoder(CATALOGUE, rebuilt), NO_DATABASE).add(events, ended=False)
    for cipher in (live, rebuilt):
        assert len(cipher.got) == 1
        assert len(cipher.got[0]) > 20


def test_bytes_that_only_look_like_a_person_are_passed_over() -> None:
    """They are parked when they are read."""
    cipher = Counting()
    looks = [b'{"data":{"private":{"persons":{"' + end for end in (b"", b"nobody", b"\xff" * 36)]
    Decoder(CATALOGUE, cipher).prepare([Received(1, "", value) for value in looks])
    assert cipher.got == []


def test_a_row_that_lacks_columns_is_the_events_fault_and_ends_no_worker() -> None:
    """An event that wrongly says it is the first of its record: writing its row would fail as a whole."""
    won = next(event for event in received(PIPELINE_V1) if b'"crm.opportunity.won"' in event.value)
    envelope = orjson.loads(won.value) | {"id": "a:1", "sequence": "0000000001"}
    first = won._replace(value=orjson.dumps(envelope))
    live = folder(PIPELINE_V1, CIPHER, set()).fold_plainly(NO_DATABASE, [first])
    filler = Filler(PIPELINE_V1, Decoder(CATALOGUE))
    made = filler.folded([first])
    assert [*live.rows, *[rows for _, rows in made]] == [[], []]
    for (parked,) in (live.parked, filler.parked):
        assert (parked.category, parked.error) == (
            "apply",
            "NotBegun: a:1 changes a record that did not begin with it",
        )
