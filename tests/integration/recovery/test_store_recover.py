"""`rapport store recover`: what it refuses, with nothing changed; what it puts back, derives and moves ahead.

The store is made older by deleting its newest rows; `tests/faults/recovery/test_recovery.py` puts real
copies back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import orjson
import psycopg2
import pytest
from kafka import KafkaProducer

from consumers.kafka.topics import partition_of
from consumers.recovery import recovery
from consumers.relay.leader import LEADER_LOCK
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from tests.support.commanding import told
from tests.support.damage import damaged, published
from tests.support.http import database
from tests.support.kafka import SEALS, read_committed
from tests.support.store import execute

OLDER = (
    "DELETE FROM store.event WHERE position > 6",
    "DELETE FROM store.seal WHERE last > 6",
    "DELETE FROM store.claim WHERE external_id <> '0'",
    "DELETE FROM store.contact_index WHERE person NOT IN (SELECT aggregate_id FROM store.event)",
    "DELETE FROM store.relay",
    "SELECT setval('store.event_position_seq', 6)",
)
TABLES = ("event", "seal", "claim", "contact_index")


@pytest.fixture(scope="module")
def admin(postgres: LocalPostgres) -> Iterator[str]:
    with database(postgres, "store_recover") as url:
        yield url


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, admin: str, kafka: LocalKafka) -> Path:
    return published(tmp_path_factory.mktemp("home"), admin, kafka.bootstrap)


def content(admin: str) -> dict[str, list[tuple[object, ...]]]:
    return {name: execute(admin, f"SELECT t::text FROM store.{name} t ORDER BY 1") for name in TABLES}


def refused(home: Path, admin: str, *words: str) -> str:
    """What the recovery says that changes nothing."""
    before = content(admin)
    drawn = execute(admin, "SELECT last_value FROM store.event_position_seq")
    code, _, findings = told(home, "store", "recover", *words)
    assert code == 1
    assert content(admin) == before
    assert execute(admin, "SELECT last_value FROM store.event_position_seq") == drawn
    (sentence,) = findings
    assert "othing was changed" in sentence
    return sentence.strip()


@contextmanager
def lock_held(admin: str, statement: str, *values: int) -> Iterator[None]:
    """While somebody else has done this in an open transaction."""
    with closing(psycopg2.connect(admin)) as opened, opened.cursor() as cursor:
        cursor.execute(statement, values)
        yield


def test_an_older_store_gets_back_events_seals_claims_and_contact_index(home: Path, admin: str) -> None:
    """Given read models that are ahead as well, then a share decides where positions go on, and a candidate
    of a rebuild that stands past the last seal is aborted."""
    before = content(admin)
    share = "UPDATE control.share SET position = {} WHERE projection = 'pipeline' AND partition = 0"
    execute(admin, share.format(1000))
    execute(
        admin,
        "INSERT INTO control.rebuild (id, projection, version, state, source, filled_to, by_whom)"
        " VALUES (gen_random_uuid(), 'pipeline', 9, 'filling', 'store', 500, 'somebody')",
    )
    execute(
        admin,
        "INSERT INTO control.share (projection, version, partition, position)"
        " VALUES ('pipeline', 9, 0, 2000)",
    )
    try:
        with damaged(admin, *OLDER):
            code, done, findings = told(home, "store", "recover")
            assert code == 0, findings
            assert content(admin) == before
            recovered = execute(admin, "SELECT recovered FROM store.incarnation ORDER BY number DESC LIMIT 1")
            assert execute(admin, "SELECT last_value FROM store.event_position_seq") == [(2000,)]
    finally:
        execute(admin, share.format(0))
        execute(admin, "DELETE FROM control.share WHERE version = 9")
    assert (done["head"], done["common"], done["upto"], done["events"]) == (6, 6, 18, 12)
    assert len(done["derived"]["claims"]) == done["derived"]["contact_points"] == 2
    assert done["sequence"] == 2000
    assert recovered[0][0]["events"] == 12
    assert (done["ahead"], done["aborted"]) == (["pipeline v1"], ["pipeline v9"])
    assert execute(admin, "SELECT state FROM control.rebuild") == [("aborted",)]
    assert any("pipeline v1 are ahead of both store and topics" in one for one in findings)
    assert any("2 external ids belong to their records again" in one for one in findings)


def test_a_store_that_lacks_nothing_keeps_what_is_not_published_yet(home: Path, admin: str) -> None:
    """Also its seals behind those of the topics: that is the usual state after a failover."""
    with damaged(admin, "UPDATE store.relay SET position = 0", "UPDATE store.incarnation SET timeline = 9"):
        execute(
            admin,
            "SET session_replication_role = replica; INSERT INTO store.event (aggregate_id, version, type,"
            " party, event) SELECT gen_random_uuid(), 1, 'crm.lead.created', gen_random_uuid(), '{}'",
        )
        before = content(admin)
        code, done, findings = told(home, "store", "recover")
        assert (code, findings) == (0, [])
        assert content(admin) == before
    assert (done["new_incarnation"], done["events"], done["set_aside"], done["replaced"]) == (True, 0, 0, 0)


def test_keys_of_the_erased_that_a_restore_brought_back_are_destroyed_again(home: Path, admin: str) -> None:
    """Given an erasure in the store and keys from a copy that is older, when the store is recovered, then the
    keys are destroyed again, and nobody is found by an address."""
    person = str(uuid4())
    # A recovery reads no more of it, and needs no key-encryption key for what it destroys.
    event = orjson.dumps({"data": {"parties": [], "persons": [person]}}).decode()
    execute(admin, f"INSERT INTO keys.person_key (person, wrapped, kek) SELECT '{person}', wrapped, kek"
          " FROM keys.person_key WHERE state = 'active' LIMIT 1")  # fmt: skip
    with damaged(admin, "UPDATE store.relay SET position = 0", "UPDATE store.incarnation SET timeline = 9"):
        execute(
            admin,
            "SET session_replication_role = replica;"
            " INSERT INTO store.event (aggregate_id, version, type, party, event)"
            f" SELECT gen_random_uuid(), 1, 'crm.privacy.erasure_begun', gen_random_uuid(), '{event}';"
            f" INSERT INTO store.contact_index VALUES ('x', '{person}')",
        )
        state = f"SELECT state FROM keys.person_key WHERE person = '{person}'"
        code, done, _ = told(home, "store", "recover", "--dry-run")
        assert (code, done["derived"]["erased_again"]) == (0, [person])
        assert execute(admin, state) == [("active",)], "A dry run destroys nothing."
        code, done, findings = told(home, "store", "recover")
        assert code == 0, findings
        left = execute(admin, f"SELECT count(*) FROM store.contact_index WHERE person = '{person}'")
    assert done["derived"]["erased_again"] == [person]
    assert execute(admin, state) == [("destroyed",)]
    assert left == [(0,)]


def test_it_refuses_topics_that_are_behind(home: Path, admin: str) -> None:
    """As at the wrong broker: there positions would go on that the right one has."""
    with damaged(admin, "UPDATE store.relay SET position = 99"):
        sentence = refused(home, admin)
    assert "The topics are behind: crm.seal.v1 ends at position 18, and 99 was published already" in sentence
    assert "`rapport relay republish`" in sentence


def test_it_refuses_the_topics_of_another_store(home: Path, admin: str) -> None:
    name = "UPDATE store.setting SET value = to_jsonb('{}'::text) WHERE name = 'store_id'"
    mine = execute(admin, "SELECT value #>> '{}' FROM store.setting WHERE name = 'store_id'")[0][0]
    execute(admin, name.format("00000000-0000-4000-8000-000000000001"))
    try:
        with damaged(admin, *OLDER, "DELETE FROM store.seal"):
            sentence = refused(home, admin)
    finally:
        execute(admin, name.format(mine))
    assert "The topics hold the events of another store" in sentence


def test_it_refuses_seals_that_this_installation_did_not_sign(home: Path, admin: str) -> None:
    file = home / "secrets" / "seal-public"
    mine = file.read_text()
    file.write_text("00" * 32)
    try:
        with damaged(admin, *OLDER):
            sentence = refused(home, admin)
    finally:
        file.write_text(mine)
    assert "is not signed with this installation's key" in sentence


@pytest.mark.parametrize(
    ("statement", "values", "sentence"),
    [
        ("SELECT pg_advisory_lock(%s, %s)", LEADER_LOCK, "A relay has led for more than"),
        (
            "SELECT pg_advisory_xact_lock_shared(%s, %s)",
            (1380012112, 1),
            "A transaction that appends has been",
        ),
    ],
    ids=["a relay that leads", "an append under way"],
)
def test_it_waits_for_nobody_for_ever(
    home: Path, admin: str, statement: str, values: tuple[int, int], sentence: str
) -> None:
    with patch.object(recovery, "LOCK_SECONDS", 1), lock_held(admin, statement, *values):
        assert sentence in refused(home, admin).replace("nothing", "Nothing")


def test_it_refuses_events_that_no_seal_covers_and_ranges_that_are_not_whole(
    home: Path, admin: str, kafka: LocalKafka
) -> None:
    """Given a stranger's copies of an event of ours in a topic: one at a position within a seal, one behind
    the last seal. The topics are spoilt afterwards, so this is the last test."""
    record = next(r for r in read_committed(kafka.bootstrap) if r.topic == "crm.customer.v1")
    assert record.partition == partition_of(record.key.decode(), 6)

    def written(position: int, value: bytes) -> None:
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
        headers = [("position", position.to_bytes(8, "big"))]
        producer.send(record.topic, value, record.key, headers, record.partition).get(30)
        producer.close()

    written(17, record.value.replace(b"Acme", b"Evil"))
    with damaged(admin, *OLDER):
        sentence = refused(home, admin)
        assert "or another program wrote into a topic" in sentence
    written(99, record.value)
    with damaged(admin, *OLDER):
        sentence = refused(home, admin)
    assert f"an event at position 99, and {SEALS} ends at 18" in sentence
