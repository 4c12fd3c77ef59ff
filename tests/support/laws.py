"""The laws that every read model keeps, each as a check of one projection on one generated history.

`tests/laws` runs them with hypothesis over every registered read model, so a new one is covered by its line
in the registry, and over folds that break them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from hypothesis import strategies as st

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import parse
from projections.runtime.projection import Key, Projection
from projections.runtime.replay import fold_all
from tests.support.histories import opened
from tests.support.memory_model import MemoryModel
from tests.support.topics_in_memory import MemoryTopics

PARTITIONS: Final = 6
Turn = tuple[int, int, int, bool]
"""Of a worker's life: from which place records come (from all, when even), how many, how many
events a batch takes, and whether it dies after that (what was not committed is gone)."""

CHOICES: Final = st.lists(st.integers(0, 40), min_size=1, max_size=80)
SIZES: Final = st.lists(st.integers(1, 12), min_size=1, max_size=12)
BEHIND: Final = st.sets(st.integers(0, PARTITIONS - 1))
TURNS: Final = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 20), st.integers(1, 30), st.booleans()),
    min_size=12,
    max_size=60,
)


def interleaved(rows: Sequence[StoredRow], choices: Sequence[int]) -> list[StoredRow]:
    """The same events in another order that keeps each aggregate's."""
    streams: dict[object, deque[StoredRow]] = defaultdict(deque)
    for row in rows:
        streams[row.aggregate_id].append(row)
    order = []
    for number in range(len(rows)):
        waiting = [stream for stream in streams.values() if stream]
        order.append(waiting[choices[number % len(choices)] % len(waiting)].popleft())
    return order


def any_order(projection: Projection, rows: list[StoredRow], choices: list[int]) -> None:
    """Law 3: any interleaving that keeps each aggregate's order gives the same rows: the one chosen, and one
    aggregate after the other, from the first and from the last."""
    in_order = fold_all(projection, rows, CATALOGUE, opened)
    for chosen in (choices, [0], [-1]):
        assert fold_all(projection, interleaved(rows, chosen), CATALOGUE, opened) == in_order


def twice(projection: Projection, rows: list[StoredRow], sizes: list[int], published: int) -> None:
    """Law 4: a prefix is applied; then every topic comes once more from the start, with what is new."""
    topics = MemoryTopics()
    model = MemoryModel(projection)
    topics.publish_all(rows[:published], sizes)
    model.catch_up(topics)
    topics.publish_all(rows[published:], sizes)
    again = model.gatherer(reread=range(PARTITIONS), seals_from_start=True)
    assert set(again.offsets().values()) == {0}, "nothing was read again"
    model.catch_up(topics, again)
    assert model.rows == fold_all(projection, rows, CATALOGUE, opened)
    assert model.positions == [row.position for row in read_by(projection, rows)]


def some_behind(
    projection: Projection, rows: list[StoredRow], sizes: list[int], behind: set[int], published: int
) -> None:
    """Law 4: some shares have a prefix, others nothing, as after a worker with some of them was away."""
    topics = MemoryTopics()
    ahead, model = MemoryModel(projection), MemoryModel(projection)
    topics.publish_all(rows[:published], sizes)
    ahead.catch_up(topics)
    topics.publish_all(rows[published:], sizes)
    # The same prefix in `model`, but only in the shares that are not behind.
    model.standings |= {p: s for p, s in ahead.standings.items() if p not in behind}
    written = writers(projection, rows)
    for name, table in ahead.rows.items():
        model.rows[name] = {
            key: row
            for key, row in table.items()
            if {partition_of(str(party), PARTITIONS) for party in written[name, key]}.isdisjoint(behind)
        }
    begun = dict(model.standings)
    model.catch_up(topics)
    expected = [
        position
        for (topic, partition), records in topics.records.items()
        if topic.split(".")[1] in projection.families
        for record in records
        if (position := int.from_bytes(record.headers[0][1], "big")) > begun[partition].position
    ]
    assert sorted(model.positions) == sorted(expected)
    assert model.rows == fold_all(projection, rows, CATALOGUE, opened)
    assert len({(s.position, s.sequence, s.hash) for s in model.standings.values()}) == 1


def stopped_anywhere(
    projection: Projection, rows: list[StoredRow], sizes: list[int], turns: list[Turn]
) -> None:
    """Law 5: a worker that dies anywhere goes on where it had committed."""
    topics = MemoryTopics()
    topics.publish_all(rows, sizes)
    model = MemoryModel(projection)
    gatherer = model.gatherer()
    read = gatherer.offsets()
    for where, count, most, dies in turns:
        for place in sorted(read) if where % 2 == 0 else [sorted(read)[where % len(read)]]:
            records = topics.read({place: read[place]})[place][:count]
            if records:
                gatherer.feed(place, records)
                read[place] = records[-1].offset + 1
        batch = gatherer.take(most)
        if batch is not None:
            if dies:
                model.fold_and_lose(batch)
            else:
                model.commit(batch)
        if dies:
            gatherer = model.gatherer()
            read = gatherer.offsets()
        # Whatever has been committed is complete: exactly the events up to each share's position.
        positions = {s.position for s in model.standings.values()}
        assert len(positions) == 1, "one worker holds all shares: they move together"
        upto = [row for row in rows if row.position <= min(positions)]
        assert model.rows == fold_all(projection, upto, CATALOGUE, opened)
    model.catch_up(topics)
    assert model.rows == fold_all(projection, rows, CATALOGUE, opened)
    assert sorted(model.positions) == [row.position for row in read_by(projection, rows)]
    assert {s.position for s in model.standings.values()} == {rows[-1].position}


def one_party(projection: Projection, rows: list[StoredRow]) -> None:
    """A row is written by the events of one party alone: else two workers could write it."""
    for (table, key), parties in writers(projection, rows).items():
        assert len(parties) == 1, (
            f"The row {key} of {projection.schema}.{table} is written by events of {len(parties)} parties. "
            "Two partitions would write it at once: take the party or the aggregate into its key."
        )


def writers(projection: Projection, rows: Sequence[StoredRow]) -> dict[tuple[str, Key], set[UUID]]:
    """Of each table (or history) and key, the parties whose events write it."""
    found: dict[tuple[str, Key], set[UUID]] = defaultdict(set)
    versions: dict[tuple[str, Key], list[tuple[str, Key]]] = defaultdict(list)
    for row in read_by(projection, rows):
        event = opened({**CATALOGUE.upcast(parse(row.event)), "position": row.position})
        for table in projection.tables:
            for key in table.keys_of(event):
                found[table.name, key].add(row.party)
                if table.history:
                    versions[table.name, key].append((table.history, f"{key}/{int(event['sequence'])}"))
    for place, kept in versions.items():
        for version in kept:
            found[version] = found[place]
    return found


def read_by(projection: Projection, rows: Sequence[StoredRow]) -> list[StoredRow]:
    """The events of the families that the projection reads."""
    return [row for row in rows if row.type.split(".")[1] in projection.families]
