"""The relay in a thread: what it seals and publishes, and what makes it stop, saying which side is behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg2

from consumers.kafka.address import KafkaAddress
from consumers.kafka.topics import topic
from consumers.relay.relay import Relay, RelayStopped
from consumers.relay.status import relay_status
from deploy.local.postgres import LocalPostgres
from tests.support.database import PARTITIONS, urls
from tests.support.kafka import FAMILIES, delete_topics, make_topics, read_committed
from tests.support.relaying import Relays, append_events, until
from tests.support.republishing import lose, topics_there
from tests.support.store import execute


class Running:
    """A relay in a thread, until `stop`; `stopped` is why it stopped by itself."""

    def __init__(self, relays: Relays, url: str | None = None) -> None:
        self.stopped: RelayStopped | None = None
        self._stop = threading.Event()
        self._relay = Relay(
            store_url=url or relays.urls.relay,
            address=KafkaAddress(bootstrap=relays.bootstrap),
            signing_key=relays.key,
            families=FAMILIES,
            name="in a thread",
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._relay.run(self._stop)
        except RelayStopped as error:
            self.stopped = error

    def why(self) -> str:
        """Waits until it stopped by itself; the sentence."""
        self._thread.join(20)
        assert self.stopped is not None, "it still runs"
        return str(self.stopped)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextmanager
def running(relays: Relays) -> Iterator[Running]:
    relay = Running(relays)
    try:
        yield relay
    finally:
        relay.stop()


def test_ranges_have_at_most_2500_events_and_16_mebibytes(relays: Relays) -> None:
    append_events(relays.urls.app, 6000)
    append_events(relays.urls.app, 40, filler=500 * 1024)
    with running(relays):
        relays.until_published()
    relays.check()
    sizes = execute(
        relays.urls.admin,
        "SELECT s.count, (SELECT sum(octet_length(event)) FROM store.event WHERE position BETWEEN first AND"
        " last) FROM store.seal s ORDER BY sequence",
    )
    assert [count for count, _ in sizes[:2]] == [2500, 2500]
    assert max(count for count, _ in sizes) == 2500
    assert max(total for _, total in sizes) <= 16 * 1024 * 1024
    assert len(sizes) == 4, "ranges are as full as they may be"


def test_one_event_is_published_soon(relays: Relays) -> None:
    """It does not wait for more: a committed reader sees it within a fraction of a second."""
    append_events(relays.urls.app, 1)
    with running(relays):
        relays.until_published()
        began = time.monotonic()
        append_events(relays.urls.app, 1)
        head = relays.head()
        until(
            lambda: any(
                record.position == head for record in read_committed(relays.bootstrap, [topic(FAMILIES[0])])
            ),
            "the event is visible",
        )
        assert time.monotonic() - began < 3
    relays.check()


def test_the_topic_of_a_family_that_is_new_is_made_at_the_start(relays: Relays) -> None:
    """Given topics of a release before, which lack that of a new family, when the next release's relay
    starts, then it makes the topic, and what is written of the family is published."""
    new = topic(FAMILIES[-1])
    lose(relays.bootstrap, [new])
    append_events(relays.urls.app, 1)  # of the first family alone
    with running(relays):
        relays.until_published()
        assert new in topics_there(relays.bootstrap)
        append_events(relays.urls.app, len(FAMILIES))
        relays.until_published()
    relays.check()
    assert read_committed(relays.bootstrap, [new])


def test_an_open_transaction_holds_back_what_comes_after_it(relays: Relays) -> None:
    """A position drawn and not committed yet: nothing behind it may be sealed, or it would be lost."""
    with running(relays):
        append_events(relays.urls.app, 10)
        relays.until_published()
        late = psycopg2.connect(relays.urls.app)
        try:
            with late.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO store.event (aggregate_id, version, type, party, event)"
                    " SELECT aggregate_id, 2, type, party, convert_to(replace(convert_from(event, 'UTF8'),"
                    ' \'"sequence":"0000000001"\', \'"sequence":"0000000002"\'), \'UTF8\')'
                    " FROM store.event WHERE position = 1"
                )
            append_events(relays.urls.app, 10)
            time.sleep(0.5)
            assert relays.row()["position"] == 10
            assert relays.seals() == 1
            late.commit()
        finally:
            late.close()
        relays.until_published()
    assert relays.head() == 21
    relays.check()


def test_lost_topics_stop_the_relay(relays: Relays) -> None:
    """Given topics that were deleted, a relay that went on would leave a hole that no reader could close."""
    append_events(relays.urls.app, 20)
    with running(relays):
        relays.until_published()
    delete_topics(relays.bootstrap)
    sentence = Running(relays).why()
    assert "The topics are behind: crm.seal.v1 ends at position 0, and 20 was published already" in sentence
    assert relays.row()["state"] == "stopped"
    assert relays.row()["reason"] == sentence
    status = relay_status(relays.urls.relay, KafkaAddress(bootstrap=relays.bootstrap))
    assert (status.state, status.ok) == ("stopped", False)
    assert any("The topics are behind" in finding for finding in status.findings)
    assert read_committed(relays.bootstrap) == []


def test_a_store_from_an_older_backup_holds_up_the_relay_until_it_has_its_events_back(relays: Relays) -> None:
    """It neither seals nor publishes meanwhile, also when it is started anew, and it says so all the time."""
    append_events(relays.urls.app, 20)
    with running(relays):
        relays.until_published()
    execute(
        relays.urls.admin,
        "CREATE TABLE kept_event AS TABLE store.event; CREATE TABLE kept_seal AS TABLE store.seal;"
        "DELETE FROM store.seal; DELETE FROM store.event WHERE position > 5; DELETE FROM store.relay",
    )
    for _ in range(2):
        with running(relays) as relay:
            until(lambda: relays.row().get("state") == "recovery_needed", "it says that", 60)
            assert "The store is behind: it has no seal" in relays.row()["reason"]
            assert "run `rapport store recover`" in relays.row()["reason"]
            assert relays.seals() == 0
            states = {relays.row()["state"] for _ in range(100)}
            assert states <= {"recovery_needed"}, "commands would be taken in between"
        assert relay.stopped is None
    with running(relays):
        execute(
            relays.urls.admin,
            "INSERT INTO store.event OVERRIDING SYSTEM VALUE SELECT * FROM kept_event WHERE position > 5;"
            "INSERT INTO store.seal TABLE kept_seal",
        )
        until(lambda: relays.row().get("state") == "leading", "it goes on", 60)
        append_events(relays.urls.app, 5)
        relays.until_published()
    relays.check()


def test_a_server_that_the_store_does_not_know_holds_up_the_relay(relays: Relays) -> None:
    append_events(relays.urls.app, 20)
    execute(relays.urls.admin, "UPDATE store.incarnation SET timeline = timeline + 1")
    with running(relays):
        until(lambda: relays.row().get("state") == "recovery_needed", "it says that", 60)
        assert "run `rapport store recover`" in relays.row()["reason"]
        assert (relays.seals(), read_committed(relays.bootstrap)) == (0, [])
        execute(relays.urls.admin, "UPDATE store.incarnation SET timeline = timeline - 1")
        relays.until_published()
    relays.check()


def test_an_event_changed_between_seal_and_publication_is_not_published(relays: Relays) -> None:
    """Given ranges sealed while the relay could not publish, and one changed before it could, the relay stops
    and names the seal."""
    victim = relays.start("victim", die_at="after the seal row")
    append_events(relays.urls.app, 20)
    victim.wait(20)
    execute(
        relays.urls.admin,
        "ALTER TABLE store.event DISABLE TRIGGER USER;"
        " UPDATE store.event SET event = '{}' WHERE position = 7",
    )
    sentence = Running(relays).why()
    assert "The seal 1 covers " in sentence
    assert "it was changed after it was sealed" in sentence
    assert read_committed(relays.bootstrap) == []


def test_topics_with_other_partitions_stop_the_relay(relays: Relays) -> None:
    delete_topics(relays.bootstrap)
    make_topics(relays.bootstrap, PARTITIONS + 1)
    sentence = Running(relays).why()
    assert f"has {PARTITIONS + 1} partitions, and it must have {PARTITIONS}" in sentence


def test_a_database_that_was_never_migrated_stops_the_relay(relays: Relays, postgres: LocalPostgres) -> None:
    sentence = Running(relays, urls(postgres.url("postgres")).relay).why()
    assert "cannot work with this store" in sentence


def test_status_while_all_is_well_and_before_any_relay(relays: Relays) -> None:
    address = KafkaAddress(bootstrap=relays.bootstrap)
    append_events(relays.urls.app, 30, parties=[UUID(int=1), uuid4()])
    before = relay_status(relays.urls.relay, address)
    assert (before.state, before.head, before.sealed, before.published) == ("none", 30, 0, 0)
    assert before.lag_events == 30
    assert before.lag_seconds is not None
    assert before.lag_seconds > 0
    (finding,) = before.findings
    assert finding == "No relay has run on this store yet. Start one with `rapport relay run`."
    with running(relays):
        relays.until_published()
        status = relay_status(relays.urls.relay, address)
    assert (status.state, status.leader, status.findings) == ("leading", "in a thread", ())
    assert (status.head, status.sealed, status.published) == (30, 30, 30)
    assert (status.lag_events, status.lag_seconds) == (0, 0.0)
    assert status.rate is not None
    assert status.rate > 0


def test_status_names_who_is_away(relays: Relays) -> None:
    """Neither a stack trace nor a password, and what is known from the other side."""
    append_events(relays.urls.app, 30)
    with running(relays):
        relays.until_published()
        nowhere = KafkaAddress(bootstrap="127.0.0.1:1")
        without_kafka = relay_status(relays.urls.relay, nowhere, timeout=1)
        address = KafkaAddress(bootstrap=relays.bootstrap)
        without_store = relay_status("postgresql://rapport_relay:secret@127.0.0.1:1/rapport", address)
    assert (without_kafka.state, without_kafka.head, without_kafka.published) == ("leading", 30, 30)
    (finding,) = without_kafka.findings
    assert finding.startswith("Kafka at 127.0.0.1:1 does not answer: ")
    assert (without_store.state, without_store.head, without_store.published) == ("unknown", None, 30)
    (finding,) = without_store.findings
    assert finding.startswith("PostgreSQL at 127.0.0.1:1 does not answer: Connection refused.")
    assert "secret" not in finding


def test_status_of_a_relay_that_was_killed(relays: Relays) -> None:
    relay = relays.start("victim")
    until(lambda: relays.row().get("state") == "leading", "it leads")
    relay.kill()
    execute(relays.urls.admin, "UPDATE store.relay SET heartbeat = now() - interval '1 minute'")
    status = relay_status(relays.urls.relay, KafkaAddress(bootstrap=relays.bootstrap))
    assert status.state == "silent"
    assert status.findings[0].startswith("The relay victim has said nothing for 6")
