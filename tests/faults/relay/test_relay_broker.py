"""The broker goes away and comes back while events are written; nobody has to do anything."""

from __future__ import annotations

import threading
import time

from consumers.kafka.address import KafkaAddress
from consumers.relay.status import relay_status
from deploy.local.kafka import LocalKafka
from tests.support.relaying import Relays, append_events, until


def test_a_killed_broker_comes_back_while_events_are_written(relays: Relays, kafka: LocalKafka) -> None:
    """Given writers that never stop, when the broker is killed -9 and started again, then the relay says that
    it waits, seals go on meanwhile, and afterwards every event is in the topics once."""
    relay = relays.start()
    append_events(relays.urls.app, 500)
    relays.until_published()
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            append_events(relays.urls.app, 20)
            time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        kafka.kill()
        until(lambda: relays.row()["state"] == "waiting_for_broker", "the relay says that it waits")
        sealed = relays.seals()
        status = relay_status(relays.urls.relay, KafkaAddress(bootstrap=relays.bootstrap), timeout=2.0)
        until(lambda: relays.seals() > sealed, "ranges are sealed while the broker is away")
    finally:
        kafka.start()
        done.set()
        writer.join()
    assert status.state == "waiting_for_broker"
    assert status.lag_events is not None
    assert status.lag_events > 0
    assert any(f"Kafka at {relays.bootstrap} does not answer" in finding for finding in status.findings)
    relays.until_published()
    until(lambda: relays.row()["state"] == "leading", "the relay says that it goes on")
    relays.check()
    assert relay.poll() is None


def test_a_relay_starts_before_its_broker(relays: Relays, kafka: LocalKafka) -> None:
    """Given no broker, the relay seals and waits, small commits together, and stops on request; when
    the broker starts, another relay publishes the ranges as they were sealed."""
    kafka.stop()
    try:
        append_events(relays.urls.app, 3000)
        first = relays.start("first")
        until(lambda: relays.seals() == 2, "both ranges are sealed")
        until(lambda: relays.row().get("state") == "waiting_for_broker", "the relay says that it waits")
        for _ in range(20):
            append_events(relays.urls.app, 1)
            time.sleep(0.05)
        until(lambda: relays.sealed() == relays.head(), "all is sealed")
        seals = relays.seals()
        assert seals <= 6, "small commits are sealed once a second while nobody can have them"
        assert relays.stop(first) == 0
        relays.start("second")
    finally:
        kafka.start()
    relays.until_published()
    assert relays.check() == seals
