"""Bad events are parked by category, with what comes later of the same aggregate; the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from uuid import UUID

import orjson
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from commands.store.event_reader import StoredRow
from domain.events.catalogue import CATALOGUE
from domain.events.registry import EventType, Registry
from projections.control.parked_events import EVENTS, heads
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.release.schema import install
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder, Received
from projections.runtime.projection import EventMap, Projection, Row
from projections.runtime.replay import fold_all
from tests.support.histories import long_history
from tests.support.read_side import apply_rows, normal, table_rows
from tests.support.watching import watching

WITHOUT_TEAMS = Registry([t for t in CATALOGUE.types if t.name != "crm.opportunity.team_changed"])
HISTORY = [row for row in long_history(300, spread=10).rows if row.type.startswith("crm.opportunity.")]


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def parked_rows(connection: Connection) -> list[tuple[int, str | None, str, str]]:
    """Position, aggregate, category and error of what is parked, in order."""
    with connection, connection.cursor() as c:
        c.execute("SELECT position, aggregate_id::text, category, error FROM control.held ORDER BY position")
        return c.fetchall()


def edited(row: StoredRow, **members: Any) -> StoredRow:
    """The event with other members in its envelope; None takes one away."""
    envelope = orjson.loads(row.event) | members
    kept = {name: value for name, value in envelope.items() if value is not None}
    return row._replace(event=orjson.dumps(kept))


def with_bad(number: int, bad: StoredRow) -> list[StoredRow]:
    """The history with its event `number` replaced."""
    return [bad if n == number else row for n, row in enumerate(HISTORY)]


def changing(kind: str) -> int:
    """The number of the first event of a type whose aggregate has later events."""
    later: set[UUID] = set()
    found = 0
    for number in range(len(HISTORY) - 1, -1, -1):
        row = HISTORY[number]
        if row.type == f"crm.opportunity.{kind}" and row.aggregate_id in later:
            found = number
        later.add(row.aggregate_id)
    return found


def without(rows: Sequence[StoredRow], number: int, *, party: bool = False) -> list[StoredRow]:
    """What is applied when event `number` is parked: all but it and what waits behind it."""
    bad = HISTORY[number]
    return [
        row
        for n, row in enumerate(rows)
        if n < number or (row.party != bad.party if party else row.aggregate_id != bad.aggregate_id)
    ]


WON, TEAM = changing("won"), changing("team_changed")
BAD = [
    pytest.param(WON, {"data": {}}, "apply", "KeyError", id="a member is missing"),
    pytest.param(WON, {"sequence": "0000000099"}, "apply", "OutOfOrder", id="a gap in its aggregate"),
    pytest.param(WON, {"time": "no time"}, "apply", "InvalidDatetimeFormat", id="the database refuses it"),
    pytest.param(
        WON, {"type": "crm.opportunity.sold"}, "unknown_type", "crm.opportunity.sold", id="unknown type"
    ),
    pytest.param(
        WON,
        {"dataschema": "urn:rapport:crm.opportunity.won:9"},
        "unknown_type",
        "version 9",
        id="newer version",
    ),
]


@pytest.mark.parametrize(("number", "members", "category", "error"), BAD)
@pytest.mark.parametrize("size", [1, 1000], ids=["one by one", "in one batch"])
def test_a_bad_event_is_parked_with_what_follows_it_and_the_rest_goes_on(
    reading: Connection, number: int, members: dict[str, Any], category: str, error: str, size: int
) -> None:
    rows = with_bad(number, edited(HISTORY[number], **members))
    count = apply_rows(reading, PIPELINE_V1, rows, [size])
    behind = [row for row in rows[number:] if row.aggregate_id == HISTORY[number].aggregate_id]
    found = parked_rows(reading)
    assert len(behind) > 1
    assert [position for position, *_ in found] == [row.position for row in behind]
    assert count == len(behind)
    assert {(aggregate, kind) for _, aggregate, kind, _ in found} == {
        (str(HISTORY[number].aggregate_id), category)
    }
    assert error in found[0][3]
    assert found[1][3] == f"Waits behind the parked event at position {rows[number].position}."
    expected = fold_all(PIPELINE_V1, without(rows, number), CATALOGUE)
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(expected)


@pytest.mark.parametrize(
    "value",
    [b"no json", b"[1]", b'{"type": "crm.opportunity.won"}', b""],
    ids=["no JSON", "no object", "no envelope", "nothing"],
)
def test_bytes_that_are_no_event_hold_the_whole_party(reading: Connection, value: bytes) -> None:
    """Nobody can say whose aggregate it is; the record's key says whose party."""
    rows = with_bad(WON, HISTORY[WON]._replace(event=value))
    apply_rows(reading, PIPELINE_V1, rows, [50])
    found = parked_rows(reading)
    waiting = [row.position for row in rows[WON:] if row.party == HISTORY[WON].party]
    assert [position for position, *_ in found] == waiting
    assert found[0][1:3] == (None, "decode")
    expected = fold_all(PIPELINE_V1, without(rows, WON, party=True), CATALOGUE)
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(expected)


def first_with(**members: Any) -> tuple[int, list[StoredRow]]:
    """The number of an aggregate's second event, and the history with other members in that one."""
    number = next(n for n, row in enumerate(HISTORY) if row.version == 2)
    return number, with_bad(number, edited(HISTORY[number], **members))


def test_an_id_that_is_none_is_parked_before_a_row_is_looked_for_under_it(reading: Connection) -> None:
    """The database refuses it already in the question for the row. Nobody can say whose aggregate it is."""
    number, rows = first_with(subject="no-id")
    apply_rows(reading, PIPELINE_V1, rows, [1000])
    found = parked_rows(reading)
    assert found[0] == (rows[number].position, None, "decode", "Undecodable: The event's subject is no id.")
    assert [position for position, *_ in found] == [
        row.position for row in rows[number:] if row.party == rows[number].party
    ]
    expected = fold_all(PIPELINE_V1, without(rows, number, party=True), CATALOGUE)
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(expected)


def test_a_subject_that_is_not_even_a_text_is_parked_too(reading: Connection) -> None:
    number, rows = first_with(subject=["a", "list"])
    apply_rows(reading, PIPELINE_V1, rows, [50])
    assert parked_rows(reading)[0][:3] == (rows[number].position, None, "decode")


def spoiling(values: Mapping[int, object]) -> Projection:
    """The read model with a fold that gives these values, which no row can have, at these positions."""
    table = PIPELINE_V1.tables[0]

    def fold(row: Row | None, event: EventMap) -> Row:
        after = table.fold(row, event)
        return (
            after if event["position"] not in values else {**after, "competitor": values[event["position"]]}
        )

    return replace(PIPELINE_V1, tables=(replace(table, fold=fold), *PIPELINE_V1.tables[1:]))


def test_rows_that_cannot_be_spelled_are_parked_as_what_the_fold_made_of_their_events(
    reading: Connection,
) -> None:
    """No JSON, a zero byte, half a character: each of another aggregate, all in one batch."""
    bad = [row for row in HISTORY if row.version == 2][:3]
    assert len({row.aggregate_id for row in bad}) == 3
    values = (Decimal("1.5"), "a\x00b", "\ud800")
    spoilt = spoiling({row.position: value for row, value in zip(bad, values, strict=True)})
    apply_rows(reading, spoilt, HISTORY, [1000], Applier(spoilt, Decoder(CATALOGUE)))
    found = {one[0]: one[1:] for one in parked_rows(reading)}
    for row, error in zip(bad, ("competitor is no text", "0x00", "surrogates"), strict=True):
        assert found[row.position][:2] == (str(row.aggregate_id), "apply")
        assert error in found[row.position][2]
    spared = [
        row
        for row in HISTORY
        if not any(row.aggregate_id == b.aggregate_id and row.position >= b.position for b in bad)
    ]
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(fold_all(PIPELINE_V1, spared, CATALOGUE))


def test_while_an_event_is_looked_for_no_row_is_locked_when_rows_are_sent(
    reading: Connection, fresh_database: str
) -> None:
    """No timeout ends the session of a process that is stopped while it sends: others would wait for it."""
    seen = watching(PIPELINE_V1.schema)
    with closing(psycopg2.connect(fresh_database, cursor_factory=seen)) as connection:
        # PostgreSQL alone refuses a zero byte: the rows are sent before it is known.
        stage = orjson.loads(HISTORY[WON].event)["data"] | {"to_stage": "a\0b"}
        rows = with_bad(WON, edited(HISTORY[WON], data=stage))
        assert apply_rows(connection, PIPELINE_V1, rows, [len(rows)]) > 0
    assert seen.copies > 0
    assert seen.locked == []


def test_few_tries_find_the_event_among_many(reading: Connection) -> None:
    """Each on its own, a batch would take longer than the lease of the shares."""
    late = max(number for number, row in enumerate(HISTORY) if row.type == "crm.opportunity.won")
    rows = with_bad(late, edited(HISTORY[late], time="no time"))
    applier = Applier(PIPELINE_V1, Decoder(CATALOGUE))
    with reading, reading.cursor() as c:
        applier.prepare(c)
        applier.forget(c)
        with patch.object(applier, "apply_carefully", wraps=applier.apply_carefully) as tries:
            applier.apply(c, [Received(row.position, str(row.party), row.event) for row in rows])
    assert 1 < tries.call_count < 4 * len(rows).bit_length()
    assert parked_rows(reading)[0][0] == HISTORY[late].position


def test_what_is_older_than_what_its_party_waits_for_does_not_wait_for_it(reading: Connection) -> None:
    """Given an aggregate parked at a type that was unknown, and later its whole party at bytes that nobody
    can read, when the type is known, then the aggregate is applied up to those bytes."""
    bad = HISTORY[TEAM]
    mine = [row for row in HISTORY if row.aggregate_id == bad.aggregate_id]
    last = mine[-1]
    old = Applier(PIPELINE_V1, Decoder(WITHOUT_TEAMS))
    unreadable = last._replace(event=b"no json", position=last.position - 1)
    apply_rows(reading, PIPELINE_V1, [*mine[:-1], unreadable, last], [1000], old)
    new = Applier(PIPELINE_V1, Decoder(CATALOGUE))
    with reading, reading.cursor() as c:
        new.prepare(c)
        new.forget(c)
        new.drain(c, str(bad.aggregate_id), str(bad.party))
    assert [position for position, *_ in parked_rows(reading)] == [unreadable.position, last.position]
    expected = fold_all(PIPELINE_V1, mine[:-1], CATALOGUE)
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(expected)


def test_parked_events_are_applied_in_order_once_their_type_is_known(reading: Connection) -> None:
    """As after an upgrade: an older program holds, a newer one drains, and nothing shows of it."""
    old = Applier(PIPELINE_V1, Decoder(WITHOUT_TEAMS))
    assert apply_rows(reading, PIPELINE_V1, HISTORY[:200], [50], old) > 0
    new = Applier(PIPELINE_V1, Decoder(CATALOGUE))
    with reading, reading.cursor() as c:
        new.prepare(c)
        new.forget(c)
        waited = len(parked_positions(c))
        first = heads(c, PIPELINE_V1, "unknown_type", most=1000)
        assert all(new.knows(one) and not old.knows(one) for one in first)
        assert sum(new.drain(c, one.aggregate_id, one.party)[0] for one in first) == waited
    assert parked_rows(reading) == []
    apply_rows(reading, PIPELINE_V1, HISTORY[200:], [50], new)
    expected = fold_all(PIPELINE_V1, HISTORY, CATALOGUE)
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(expected)


def test_a_retry_stops_at_the_first_event_that_still_fails(reading: Connection) -> None:
    bad = HISTORY[TEAM]
    old = Applier(PIPELINE_V1, Decoder(WITHOUT_TEAMS))
    rows = [row for row in HISTORY if row.aggregate_id == bad.aggregate_id]
    last = edited(rows[-1], data={})
    apply_rows(reading, PIPELINE_V1, [*rows[:-1], last], [1000], old)
    new = Applier(PIPELINE_V1, Decoder(CATALOGUE))
    with reading, reading.cursor() as c:
        new.prepare(c)
        new.forget(c)
        new.drain(c, str(bad.aggregate_id), str(bad.party))
    assert [position for position, *_ in parked_rows(reading)] == [last.position]
    expected = fold_all(PIPELINE_V1, rows[:-1], CATALOGUE)
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(expected)


def test_a_rolled_back_batch_leaves_no_trace(reading: Connection) -> None:
    """Neither in the tables, nor in the cache, nor in what waits."""
    applier = Applier(PIPELINE_V1, Decoder(CATALOGUE))
    apply_rows(reading, PIPELINE_V1, HISTORY[:50], [50], applier)
    batch = [Received(r.position, str(r.party), r.event) for r in HISTORY[50:80]]
    bad = [*batch, Received(HISTORY[80].position, str(HISTORY[80].party), b"no json")]
    with reading.cursor() as c:
        applier.apply(c, bad)
    reading.rollback()
    with reading, reading.cursor() as c:
        applier.forget(c)
        assert applier.apply(c, batch) == 0
    expected = fold_all(PIPELINE_V1, HISTORY[:80], CATALOGUE)
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(expected)
    assert parked_rows(reading) == []


def parked_positions(c: Any) -> list[int]:
    c.execute("SELECT position FROM control.held")
    return [row[0] for row in c.fetchall()]


def test_an_old_version_of_an_event_is_folded_as_the_newest(reading: Connection) -> None:
    """The fold sees upcast data only: a registry that lifts version 1 to 2 stands in here."""
    kinds = [
        t
        if t.name != "crm.opportunity.team_changed"
        else EventType(
            t.name, t.payload, version=2, upcasters=(lambda d: {"member_ids": d["member_ids"][:1]},)
        )
        for t in CATALOGUE.types
    ]
    applier = Applier(PIPELINE_V1, Decoder(Registry(kinds)))
    row = next(r for r in HISTORY if r.type == "crm.opportunity.team_changed")
    mine = [r for r in HISTORY if r.aggregate_id == row.aggregate_id and r.position <= row.position]
    apply_rows(reading, PIPELINE_V1, mine, [10], applier)
    team = table_rows(reading, PIPELINE_V1)["opportunity"][str(row.aggregate_id)]["team"]
    assert len(team) == 1


def test_what_is_parked_of_one_record_is_read_by_index(reading: Connection) -> None:
    """Retrying asks that of each aggregate: reading all that is parked every time would take hours."""
    whose = (PIPELINE_V1.name, PIPELINE_V1.version)
    with reading.cursor() as c:
        c.execute(
            "INSERT INTO control.held"
            " (projection, version, position, aggregate_id, party, category, error, event)"
            " SELECT %s, %s, n, gen_random_uuid(), gen_random_uuid(), 'apply', repeat('x', 200), 'x'"
            " FROM generate_series(1, 10000) AS n",
            whose,
        )
        c.execute("ANALYZE control.held")
        for column in ("aggregate_id", "party"):
            c.execute(f"EXPLAIN {EVENTS} AND {column} = %s ORDER BY position", (*whose, str(UUID(int=1))))
            plan = "\n".join(line for (line,) in c.fetchall())
            assert "held_" in plan, plan
            assert "Seq Scan" not in plan, plan
