"""`rapport store verify` and `rapport doctor`: every damage is made for real and found, with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import psycopg2
import pytest
from kafka.admin import KafkaAdminClient

from commands.store import verify
from commands.store.high_water_mark import APPEND_LOCK
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from tests.support.commanding import run, told
from tests.support.damage import EVENTS, damaged, published
from tests.support.http import database
from tests.support.kafka import delete_topics
from tests.support.relaying import until
from tests.support.store import execute


@pytest.fixture(scope="module")
def admin(postgres: LocalPostgres) -> Iterator[str]:
    """A database of the module's own; the superuser's URL."""
    with database(postgres, "store_verify") as url:
        yield url


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, admin: str, kafka: LocalKafka) -> Path:
    """An installation whose events are sealed, a few to a seal, and published."""
    return published(tmp_path_factory.mktemp("home"), admin, kafka.bootstrap)


def verified(home: Path, *words: str) -> tuple[int, set[str], str]:
    """Exit code, the kinds of what was found, and all that was said of it."""
    code, data, findings = told(home, "store", "verify", *words)
    return code, {one["kind"] for one in data["findings"]}, "\n".join(findings)


def test_a_sound_store_is_told_to_be_sound(home: Path, admin: str) -> None:
    code, data, findings = told(home, "store", "verify")
    assert (code, findings, data["found"]) == (0, [], 0)
    assert data["events"] == EVENTS
    assert data["seals"] == execute(admin, "SELECT count(*) FROM store.seal")[0][0] >= 3
    assert data["sealed"] == data["upto"] == execute(admin, "SELECT max(position) FROM store.event")[0][0]
    assert "The store is sound." in run(home, "store", "verify")[1]


OTHER_BYTES = (
    "UPDATE store.event"
    " SET event = convert_to(replace(convert_from(event, 'UTF8'), '{old}', '{new}'), 'UTF8') WHERE {where}"
)
NEW_EVENT = (
    "INSERT INTO store.event (aggregate_id, version, type, party, event)"
    " SELECT aggregate_id, 4, '{type}', party, convert_to(replace(replace(replace("
    "convert_from(event, 'UTF8'), ':3\"', ':4\"'), '\"0000000003\"', '\"0000000004\"'),"
    " 'crm.customer.profile_changed{old}', '{type}{new}'), 'UTF8')"
    " FROM store.event WHERE type = 'crm.customer.profile_changed' LIMIT 1"
)
SECOND = "position = (SELECT min(position) FROM store.event WHERE type = 'crm.customer.owner_assigned')"
DAMAGES: dict[str, tuple[tuple[str, ...], set[str], str]] = {
    "a missing version": (
        (f"DELETE FROM store.event WHERE {SECOND}",),
        {"missing_version", "changed"},
        "version 2 of it is missing",
    ),
    "a missing beginning": (
        ("DELETE FROM store.event WHERE type = 'crm.contact.registered'",),
        {"missing_version", "changed"},
        "version 1 of it is missing",
    ),
    "a version before the first": (
        ("UPDATE store.event SET version = 0 WHERE position = 1",),
        {"missing_version", "contradiction"},
        "versions begin with 1",
    ),
    "changed bytes": (
        (OTHER_BYTES.format(old="Acme 1", new="Acme 7", where="type = 'crm.customer.registered'"),),
        {"changed"},
        "what differs belongs to crm.customer.v1",
    ),
    "bytes that do not decode": (
        (f"UPDATE store.event SET event = '{{' WHERE {SECOND}",),
        {"undecodable", "changed"},
        "can't be decoded",
    ),
    "data that does not fit its type": (
        (OTHER_BYTES.format(old="owner_id", new="owner_ix", where=SECOND),),
        {"undecodable", "changed"},
        "does not fit its schema",
    ),
    "a row that contradicts its bytes": (
        (f"UPDATE store.event SET party = gen_random_uuid() WHERE {SECOND}",),
        {"contradiction", "party"},
        "contradicts its row: partitionkey",
    ),
    "bytes moved to another position": (
        (
            "UPDATE store.event e SET event = o.event FROM store.event o"
            " WHERE e.position + o.position = 3 AND e.position < 3",
        ),
        {"contradiction", "changed"},
        "contradicts its row: id, subject",
    ),
    "a time that goes back": (
        (OTHER_BYTES.format(old='"time":"20', new='"time":"19', where=SECOND),),
        {"time_back", "changed"},
        "time go back",
    ),
    "positions against the order of versions": (
        (
            "UPDATE store.event SET version = 99 WHERE " + SECOND,
            "UPDATE store.event e SET version = 2 FROM store.event o WHERE o.version = 99"
            " AND e.aggregate_id = o.aggregate_id AND e.version = 3",
            "UPDATE store.event SET version = 3 WHERE version = 99",
        ),
        {"order", "contradiction"},
        "the version before it has a later position",
    ),
    "an event of unknown type": (
        (NEW_EVENT.format(type="crm.customer.teleported", old="", new=""),),
        {"unknown_type"},
        "Install the program that knows it",
    ),
    "an event of a newer version": (
        (NEW_EVENT.format(type="crm.customer.profile_changed", old=":1", new=":9"),),
        {"unknown_type"},
        "crm.customer.profile_changed version 9",
    ),
    "the newest events deleted": (
        ("DELETE FROM store.event WHERE position > 15",),
        {"past_the_head"},
        "The seals go up to position 18, and the store's last event is at 15. The newest events are lost",
    ),
    "a sequence set back": (
        ("SELECT setval('store.event_position_seq', 4)",),
        {"sequence_behind"},
        "The next position would be 5, and 18 was used already.",
    ),
    "a deleted seal": (
        ("DELETE FROM store.seal WHERE sequence = 2",),
        {"seal_chain", "changed"},
        "does not follow",
    ),
    "a seal that is none": (
        ("UPDATE store.seal SET record = '{}' WHERE sequence = 2",),
        {"seal_undecodable"},
        "The seal behind number 1 can't be read",
    ),
    "a seal of another key": (
        (
            "UPDATE store.seal SET record = overlay(record PLACING 'ffffffff'::bytea"
            " FROM octet_length(record) - 20) WHERE sequence = 3",
        ),
        {"seal_signature"},
        "is not signed with this installation's key",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_verify_finds(home: Path, admin: str, damage: str) -> None:
    statements, kinds, sentence = DAMAGES[damage]
    with damaged(admin, *statements):
        code, found, said = verified(home)
    assert code == 1
    assert found >= kinds, said
    assert sentence in said
    assert "`rapport store recover`" in said or "Install the program" in said


def test_verify_finds_versions_that_are_there_twice(home: Path, admin: str) -> None:
    constraint = "CONSTRAINT event_aggregate_version"
    try:
        with damaged(
            admin,
            f"ALTER TABLE store.event DROP {constraint}",
            "INSERT INTO store.event (aggregate_id, version, type, party, event)"
            " SELECT aggregate_id, version, type, party, event FROM store.event WHERE position = 1",
        ):
            code, found, said = verified(home)
    finally:
        execute(admin, f"ALTER TABLE store.event ADD {constraint} UNIQUE (aggregate_id, version)")
    assert (code, found) == (1, {"unguarded", "twice"})
    assert "is there 2 times, first at position 1." in said


def test_verify_finds_that_readers_are_not_guarded(home: Path, admin: str) -> None:
    execute(admin, "ALTER TABLE store.event DISABLE TRIGGER hold_append_lock")
    try:
        code, found, said = verified(home)
    finally:
        execute(admin, "ALTER TABLE store.event ENABLE TRIGGER hold_append_lock")
    assert (code, found) == (1, {"unguarded"})
    assert "restore the trigger" in said


def test_verify_waits_for_no_append_for_ever(home: Path, admin: str) -> None:
    """Given an append that stays open, what is sealed is verified all the same."""
    with (
        patch.object(verify, "HIGH_WATER_MARK_SECONDS", 0.2),
        closing(psycopg2.connect(admin)) as opened,
        opened.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", APPEND_LOCK)
        code, found, said = verified(home)
        _, data, _ = told(home, "store", "verify")
    assert (code, found) == (1, {"no_high_water_mark"})
    assert "see pg_locks and pg_prepared_xacts" in said
    assert data["events"] == EVENTS


def test_a_range_is_verified_by_whole_seals(home: Path, admin: str) -> None:
    """What is damaged outside of it is not looked at, and what is inside is found."""
    (bounds,) = execute(admin, "SELECT first, last FROM store.seal WHERE sequence = 2")
    with damaged(admin, f"DELETE FROM store.event WHERE position = {bounds[1]}"):
        _, data, _ = told(home, "store", "verify", "--from", str(bounds[1]), "--to", str(bounds[1]))
        assert (data["after"], data["upto"], data["seals"]) == (bounds[0] - 1, bounds[1], 1)
        assert {one["kind"] for one in data["findings"]} >= {"changed"}
        assert verified(home, "--to", str(bounds[0] - 1))[1] == set()


def test_each_damage_was_undone(home: Path) -> None:
    """What the tests before this one found was what they had made."""
    assert verified(home) == (0, set(), "")


def test_the_doctor_finds_checkpoints_and_topics_past_the_store(home: Path, admin: str) -> None:
    """Given newest events that are gone from the store while seals, topics and a read model have them."""
    execute(admin, "UPDATE control.share SET position = 18 WHERE projection = 'pipeline' AND partition = 0")
    try:
        with damaged(admin, "DELETE FROM store.event WHERE position > 15"):
            code, checks, findings = told(home, "doctor")
            verify_said = verified(home)[2]
    finally:
        execute(
            admin, "UPDATE control.share SET position = 0 WHERE projection = 'pipeline' AND partition = 0"
        )
    assert code == 1
    assert {"checkpoints", "seals"} <= {check["check"] for check in checks if not check["ok"]}
    said = "\n".join(findings)
    assert "The seals go up to position 18, and the store's last event is at 15." in said
    assert "The relay has published up to position 18" in said
    share = "The read model pipeline version 1 stands at position 18, and the store's last event is at 15."
    assert share in said
    assert share in verify_said
    assert "ends with the event at position 18, and the store's last event is at 15." in said
    assert said.count("run `rapport store recover`") + said.count("Run `rapport store recover`") >= 3


def test_the_doctor_finds_a_store_from_an_older_copy(home: Path, admin: str) -> None:
    last = "(SELECT max(sequence) FROM store.seal)"
    with damaged(
        admin,
        f"DELETE FROM store.event WHERE position >= (SELECT first FROM store.seal WHERE sequence = {last})",
        f"DELETE FROM store.seal WHERE sequence = {last}",
        "DELETE FROM store.relay",
    ):
        _, _, findings = told(home, "doctor")
    assert any("The store is behind" in one and "`rapport store recover`" in one for one in findings)


def test_the_doctor_finds_an_unknown_server_and_an_unknown_type(home: Path, admin: str) -> None:
    with damaged(
        admin,
        "UPDATE store.incarnation SET timeline = timeline + 1",
        NEW_EVENT.format(type="crm.customer.teleported", old="", new=""),
    ):
        _, checks, findings = told(home, "doctor")
    wrong = {check["check"] for check in checks if not check["ok"]}
    assert {"incarnation", "newest events"} <= wrong
    said = "\n".join(findings)
    assert "is on a server or timeline that it does not know" in said
    assert "(crm.customer.teleported, " in said
    assert "Install the program that knows it" in said


def test_the_doctor_finds_a_wrong_number_of_partitions(home: Path, admin: str, kafka: LocalKafka) -> None:
    """The topics are made anew afterwards, for whoever comes next."""
    client = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        client.create_partitions({"crm.lead.v1": 7})
        until(
            lambda: any("crm.lead.v1 has 7 partitions" in one for one in told(home, "doctor")[2]),
            "the doctor finds it",
            30,
        )
    finally:
        client.close()
        delete_topics(kafka.bootstrap)
