"""Workers on real Kafka and PostgreSQL: from published seals to rows, shared among processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extras import Json, execute_values

from consumers.kafka.topics import topic
from consumers.worker.partition_buffer import HANDED_OVER
from domain.events.catalogue import CATALOGUE
from domain.events.registry import Registry
from projections.registry import named
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder, Received
from tests.support.histories import long_history
from tests.support.relaying import Relays, until
from tests.support.store import execute
from tests.support.working import ALL, Publisher, Workers


@pytest.fixture
def publisher(workers: Workers) -> Iterator[Publisher]:
    """Publishes to the workers' topics."""
    publisher = Publisher(workers.bootstrap)
    yield publisher
    publisher.close()


def test_every_read_model_follows_what_is_published(workers: Workers, publisher: Publisher) -> None:
    rows = long_history(1_500, every_family=True, spread=40).rows
    publisher.publish(rows[:1_000], size=100)
    for name in ALL:
        workers.start(name, projection=name)
    for name in ALL:
        workers.until_at(rows[999].position, name)
    publisher.publish(rows[1_000:], size=7)
    for name in ALL:
        workers.until_at(rows[-1].position, name)
    workers.check(rows, ALL)


def test_from_the_store_through_the_relay_to_the_rows(workers: Workers) -> None:
    """The whole way with the real relay: what is in the store, at its positions there, is in the tables."""
    relays = Relays(workers.urls, workers.bootstrap, workers.logs)
    workers.key = relays.key
    history = long_history(500).rows
    try:
        relays.start()
        for name in ALL:
            workers.start(name, projection=name)
        with closing(psycopg2.connect(workers.urls.app)) as connection, connection, connection.cursor() as c:
            execute_values(
                c,
                "INSERT INTO store.event (aggregate_id, version, type, party, event) VALUES %s",
                [(str(r.aggregate_id), r.version, r.type, str(r.party), r.event) for r in history],
            )
        stored = execute(workers.urls.admin, "SELECT position, event FROM store.event ORDER BY position")
        rows = [
            row._replace(position=position, event=bytes(event))
            for row, (position, event) in zip(history, stored, strict=True)
        ]
        for name in ALL:
            workers.until_at(rows[-1].position, name)
        workers.check(rows, ALL)
    finally:
        relays.close()


def owners(workers: Workers) -> list[int]:
    """How many shares each worker holds, most first."""
    counts = Counter(share["worker"] for share in workers.shares() if share["worker"] is not None)
    return sorted(counts.values(), reverse=True)


def test_shares_are_dealt_out_fairly_as_workers_come_and_go(workers: Workers, publisher: Publisher) -> None:
    rows = long_history(400).rows
    first = workers.start("first")
    until(lambda: owners(workers) == [6], "one with all shares")
    publisher.publish(rows[:200], size=10)
    second, third = workers.start("second"), workers.start("third")
    until(lambda: owners(workers) == [2, 2, 2], "three with two shares each")
    fourth = workers.start("fourth")
    until(lambda: owners(workers) == [2, 2, 1, 1], "four with the remainder to the first")
    publisher.publish(rows[200:], size=10)
    workers.until_at(rows[-1].position)
    # Those that end in good order let go at once; the lease of one that is killed has to run out.
    assert [workers.stop(third), workers.stop(fourth)] == [0, 0]
    until(lambda: owners(workers) == [3, 3], "two with three shares each")
    first.kill()
    until(lambda: owners(workers) == [6], "the second with all shares")
    assert second.poll() is None
    workers.check(rows)
    assert execute(workers.urls.admin, "SELECT count(*) FROM control.worker") == [(2,)], "two ended unheard"


def test_a_paused_share_is_left_alone_until_it_runs_again(workers: Workers, publisher: Publisher) -> None:
    """An operator's state raises the epoch: whoever held the share loses it, and nobody claims it."""
    rows = long_history(300).rows
    workers.start()
    publisher.publish(rows[:100], size=10)
    workers.until_at(rows[99].position)
    pause = "UPDATE control.share SET state = 'paused', epoch = epoch + 1, worker = NULL WHERE partition = 3"
    execute(workers.urls.admin, pause)
    publisher.publish(rows[100:], size=10)
    until(lambda: sum(s["position"] == rows[-1].position for s in workers.shares()) == 5, "the others there")
    paused = workers.shares()[3]
    assert (paused["state"], paused["worker"], paused["position"]) == ("paused", None, rows[99].position)
    execute(workers.urls.admin, "UPDATE control.share SET state = 'running' WHERE partition = 3")
    workers.until_at(rows[-1].position)
    workers.check(rows)


def test_a_newer_program_applies_what_an_older_one_parked(workers: Workers, publisher: Publisher) -> None:
    rows = long_history(300, spread=10).rows
    projection = named("pipeline")
    old = Registry([t for t in CATALOGUE.types if t.name != "crm.opportunity.team_changed"])
    mine = [row for row in rows if row.type.startswith("crm.opportunity.")]
    # The older program, over the same seals: a worker of the newer one finds what it left.
    with closing(psycopg2.connect(workers.urls.worker)) as connection, connection, connection.cursor() as c:
        applier = Applier(projection, Decoder(old))
        applier.prepare(c)
        parked = applier.apply(c, [Received(r.position, str(r.party), r.event) for r in mine[:150]])
    assert parked > 0
    skipped = [r for r in rows if r.position <= mine[149].position]
    publisher.publish(skipped)
    assert publisher.last is not None
    execute(
        workers.urls.admin,
        "UPDATE control.share SET position = %s, seal_sequence = %s, seal_hash = %s, received = 25, "
        "offsets = %s WHERE projection = 'pipeline'",
        (
            publisher.last.last,
            publisher.last.sequence,
            publisher.last.hash,
            Json({topic("opportunity"): 0, HANDED_OVER: 1}),
        ),
    )
    workers.start()
    until(
        lambda: execute(workers.urls.admin, "SELECT count(*) FROM control.held") == [(0,)], "nothing parked"
    )
    publisher.publish(rows[len(skipped) :], size=50)
    workers.until_at(rows[-1].position)
    workers.check(rows)
