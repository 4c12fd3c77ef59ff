"""A bulk whose connection is lost at its commit: found out whether it was written, and in the store once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError

from commands.store import bulk
from commands.store.claims import Claim, ClaimTable
from commands.store.idempotency import Answer, Idempotency
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from tests.support.cut_wire import Cut, cut_wire
from tests.support.database import migrated
from tests.support.store import execute, stored_event

PRINCIPAL = uuid4()


@pytest.mark.parametrize(
    "cuts",
    [("before",), ("after",), ("late",), ("before", "before")],
    ids=["never-arrived", "answer-lost", "still-running", "twice-never-arrived"],
)
def test_whether_it_was_written_is_found_out(fresh_database: str, cuts: tuple[Cut, ...]) -> None:
    """Given a connection that is cut when the commit is sent, when the bulk is appended, then all of it is in
    the store once, with the positions answered, whether or not that commit arrived, or arrives later."""
    urls = migrated(fresh_database)
    events = [stored_event() for _ in range(50)]
    claim = Claim("crm", "4711", uuid4())
    with cut_wire(urls.app, *cuts) as wire, closing(Pool(wire.url, 2)) as pool:
        key = Idempotency(pool, b"k" * 32).row(PRINCIPAL, "key", b"request", Answer(201))
        answered = PostgresApplicationRecorder(pool).insert_bulk(events, [claim], (), [key])
        assert wire.left == 0, "the connection was never cut"
        assert ClaimTable(pool).find("crm", ["4711"]) == {"4711": claim}
    rows = execute(urls.admin, "SELECT aggregate_id::text, position FROM store.event")
    assert sorted(rows) == sorted(
        (str(event.originator_id), position) for event, position in zip(events, answered, strict=True)
    )
    assert execute(urls.admin, "SELECT count(*) FROM store.idempotency") == [(1,)]


def test_it_is_not_tried_for_ever(fresh_database: str) -> None:
    """Given a connection that is cut at every commit, when the bulk is appended, then the error is the one
    of a database that is away, and nothing is in the store."""
    urls = migrated(fresh_database)
    cuts: tuple[Cut, ...] = ("before",) * bulk.MAX_TRIES
    with cut_wire(urls.app, *cuts) as wire, closing(Pool(wire.url, 2)) as pool:
        with pytest.raises(OperationalError):
            PostgresApplicationRecorder(pool).insert_bulk([stored_event()])
        assert wire.left == 0
    assert execute(urls.admin, "SELECT count(*) FROM store.event") == [(0,)]


def test_what_somebody_else_wrote_is_not_taken_for_ours(fresh_database: str) -> None:
    """Given a bulk whose commit never arrived, when another wrote the same version in the meantime, then that
    is a conflict like any other."""
    urls = migrated(fresh_database)
    ours = stored_event(event=b'{"n":1}')
    theirs = replace(ours, state=b'{"n":2}')
    with (
        closing(Pool(urls.app, 1)) as direct,
        cut_wire(
            urls.app, "before", then=lambda: PostgresApplicationRecorder(direct).insert_events([theirs])
        ) as wire,
        closing(Pool(wire.url, 2)) as pool,
        pytest.raises(IntegrityError),
    ):
        PostgresApplicationRecorder(pool).insert_bulk([ours])
    ((event,),) = execute(urls.admin, "SELECT event FROM store.event")
    assert bytes(event) == theirs.state
