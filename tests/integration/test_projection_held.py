"""Bad events are held by category, with what comes later of the same aggregate; the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import orjson
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from commands.store.follower import StoredRow
from domain.events.catalogue import CATALOGUE
from domain.events.registry import EventType, Registry
from projections.apply import Applier
from projections.control.held import EVENTS
from projections.decode import Decoder, Received
from projections.pipeline.v1.fold import PIPELINE_V1
from projections.replay import fold_all
from projections.schema import install
from tests.support.histories import long_history
from tests.support.read_side import apply_rows, normal, table_rows

WITHOUT_TEAMS = Registry([t for t in CATALOGUE.types if t.name != "crm.opportunity.team_changed"])
HISTORY = [row for row in long_history(300, spread=10).rows if row.type.startswith("crm.opportunity.")]


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def held(connection: Connection) -> list[tuple[int, str | None, str, str]]:
    """Position, aggregate, category and error of what is held, in order."""
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
    """What is applied when event `number` is held: all but it and what waits behind it."""
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
def test_a_bad_event_is_held_with_what_follows_it_and_the_rest_goes_on(
    reading: Connection, number: int, members: dict[str, Any], category: str, error: str, size: int
) -> None:
    rows = with_bad(number, edited(HISTORY[number], **members))
    count = apply_rows(reading, PIPELINE_V1, rows, [size])
    behind = [row for row in rows[number:] if row.aggregate_id == HISTORY[number].aggregate_id]
    found = held(reading)
    assert len(behind) > 1
    assert [position for position, *_ in found] == [row.position for row in behind]
    assert count == len(behind)
    assert {(aggregate, kind) for _, aggregate, kind, _ in found} == {
        (str(HISTORY[number].aggregate_id), category)
    }
    assert error in found[0][3]
    assert found[1][3] == f"Waits behind the held event at position {rows[number].position}."
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
    found = held(reading)
    waiting = [row.position for row in rows[WON:] if row.party == HISTORY[WON].party]
    assert [position for position, *_ in found] == waiting
    assert found[0][1:3] == (None, "decode")
    expected = fold_all(PIPELINE_V1, without(rows, WON, party=True), CATALOGUE)
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(expected)


def test_held_events_are_applied_in_order_once_their_type_is_known(reading: Connection) -> None:
    """As after an upgrade: an older program holds, a newer one drains, and nothing shows of it."""
    old = Applier(PIPELINE_V1, Decoder(WITHOUT_TEAMS))
    assert apply_rows(reading, PIPELINE_V1, HISTORY[:200], [50], old) > 0
    new = Applier(PIPELINE_V1, Decoder(CATALOGUE))
    with reading, reading.cursor() as c:
        new.prepare(c)
        new.forget(c)
        assert new.retry(c, "unknown_type", lambda _: False) == 0, "of another share: not ours to touch"
        waited = len(held_positions(c))
        assert new.retry(c, "unknown_type", lambda _: True) == waited
    assert held(reading) == []
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
        new.retry(c, "unknown_type", lambda _: True)
    assert [position for position, *_ in held(reading)] == [last.position]
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
    assert held(reading) == []


def held_positions(c: Any) -> list[int]:
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


def test_what_is_held_of_one_record_is_read_by_index(reading: Connection) -> None:
    """Retrying asks that of each aggregate: reading all that is held every time would take hours."""
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
