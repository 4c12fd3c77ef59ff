"""A worker while the key store is away: it says so, holds nothing, and goes on by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg2

from consumers.kafka.address import KafkaAddress
from consumers.worker.worker import Timeouts, Worker
from domain.events.catalogue import CATALOGUE
from projections.registry import named
from tests.support.histories import HistoryCipher, long_history
from tests.support.relaying import until
from tests.support.store import execute
from tests.support.working import KEY, Publisher, Workers


class Interrupted(HistoryCipher):
    """A key store that answers only while `there` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.there = threading.Event()

    def load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        """Asks for the keys."""
        if not self.there.is_set():
            raise psycopg2.OperationalError("could not connect to the keys")
        super().load(privates)


def test_a_key_store_that_is_away_is_waited_out_and_no_event_is_parked(workers: Workers) -> None:
    rows = long_history(300, every_family=True).rows
    publisher = Publisher(workers.bootstrap)
    publisher.publish(rows, size=40)
    publisher.close()
    keys, stop = Interrupted(), threading.Event()
    worker = Worker(
        named("customer_360"),
        read_url=workers.urls.worker,
        address=KafkaAddress(bootstrap=workers.bootstrap),
        registry=CATALOGUE,
        public_key=KEY.public_key(),
        cipher=keys,
        timeouts=Timeouts(**workers.timeouts),
    )
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        until(
            lambda: {s["state"] for s in workers.shares("customer_360")} == {"waiting_for_keys"},
            "a visible wait",
            60,
        )
        said = workers.shares("customer_360")[0]["reason"]
        assert said.startswith(
            "The key store does not give the persons' keys (could not connect to the keys)"
        )
        parked = execute(workers.urls.admin, "SELECT count(*) FROM control.held")
        keys.there.set()
        workers.until_at(rows[-1].position, "customer_360", 60)
    finally:
        keys.there.set()
        stop.set()
        thread.join(30)
    assert parked == [(0,)]
    assert {(s["state"], s["reason"]) for s in workers.shares("customer_360")} == {("running", None)}
    workers.check(rows, ["customer_360"])
