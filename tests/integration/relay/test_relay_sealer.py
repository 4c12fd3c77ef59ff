"""The relay's first half alone, on a real store: what is settled is sealed, whatever writers do meanwhile."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg2.extensions import connection

from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from commands.store.settings import store_settings
from consumers.relay.leader import Leadership
from consumers.relay.seal_buffer import SealBuffer
from consumers.relay.sealer import Sealer
from consumers.relay.seals import MAX_EVENTS
from tests.support.database import migrated
from tests.support.store import execute, run, session, stored_event


def test_what_was_settled_is_sealed_while_a_writer_holds_on(fresh_database: str) -> None:
    """Given two full ranges of settled events, when a writer appends and holds on before the first is sealed,
    then the second is sealed all the same, and not what the writer holds or what came after it."""
    urls = migrated(fresh_database)
    pool = Pool(urls.app, 1)
    recorder = PostgresApplicationRecorder(pool)
    events = [stored_event(type="crm.lead.created", event=b"{}") for _ in range(MAX_EVENTS)]
    recorder.insert_bulk(events)
    more = [stored_event(type="crm.lead.created", event=b"{}") for _ in range(MAX_EVENTS)]
    highest = max(recorder.insert_bulk(more))
    found, ended = store_settings(urls.relay), threading.Event()
    ranges: list[str] = []
    leadership = Leadership(urls.relay, "relay", silence=600)
    assert leadership.acquire()

    with ExitStack() as stack:
        open_session: connection = stack.enter_context(session(urls.app))
        stack.callback(leadership.close)
        stack.callback(pool.close)

        def failpoint(name: str) -> None:
            if name == "before the seal row" and not ranges:
                run(open_session, stored_event(type="crm.lead.created"))
                recorder.insert_events([stored_event(type="crm.lead.created")])
            if name == "after the seal row":
                ranges.append(name)
            if len(ranges) == 2:
                ended.set()

        sealer = Sealer(
            url=urls.relay,
            store=found.store_id,
            partitions=found.partitions,
            key=Ed25519PrivateKey.generate(),
            leadership=leadership,
            buffer=SealBuffer(),
            clock=lambda: datetime.now(UTC),
            poll=0.05,
            failpoint=failpoint,
        )
        sealing = threading.Thread(target=sealer.run, args=[ended])
        sealing.start()
        sealing.join(60)
        ended.set()
        sealing.join(60)
    sealed = execute(urls.admin, "SELECT first, last, count FROM store.seal ORDER BY sequence")
    assert sealed == [(1, MAX_EVENTS, MAX_EVENTS), (MAX_EVENTS + 1, highest, MAX_EVENTS)]
