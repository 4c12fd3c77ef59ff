"""`rapport audit verify`, `seal`, `prove`: a superuser tampers in every way, and the event is named.

Each tampering is looked at with the topics beside it, which hold what was sealed, and mostly without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.audit.verify import ChainVerification, verify
from consumers.kafka import topic_archive as copied
from consumers.kafka.address import KafkaAddress
from consumers.kafka.topic_archive import TopicsCopy
from deploy.check_proof import check
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.secrets import Secrets
from deploy.settings import load
from domain.events.seal import Seal, key_id, sign
from tests.support.audited import World, filled
from tests.support.commanding import run, told
from tests.support.damage import EVENTS, damaged
from tests.support.http import database
from tests.support.webhook import listening

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, postgres: LocalPostgres, kafka: LocalKafka
) -> Iterator[World]:
    """Filled once; each tampering is undone."""
    with database(postgres, "audit_verify") as admin:
        yield filled(tmp_path_factory.mktemp("home"), admin, kafka.bootstrap)


@pytest.fixture(scope="module")
def kept(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The newest seal, kept elsewhere before anybody tampers."""
    return world.keep(tmp_path_factory.mktemp("kept"))


def other_bytes(at: int) -> str:
    """Another recorded time in the event there."""
    return (
        "UPDATE store.event SET event = convert_to(replace(convert_from(event, 'UTF8'),"
        f" '\"recordedtime\":\"20', '\"recordedtime\":\"19'), 'UTF8') WHERE position = {at}"
    )


def inserted(world: World, to: int, version: int = 9) -> str:
    """One more version of the second customer, as a program would record it, at that position."""
    row = world.row(11)
    event = row.event.replace(f"{row.aggregate_id}:3".encode(), f"{row.aggregate_id}:{version}".encode())
    event = event.replace(b'"sequence":"0000000003"', f'"sequence":"{version:010d}"'.encode())
    values = f"{to}, '{row.aggregate_id}', {version}, '{row.type}', '{row.party}', '\\x{event.hex()}'"
    return (
        "INSERT INTO store.event (position, aggregate_id, version, type, party, event)"
        f" OVERRIDING SYSTEM VALUE VALUES ({values})"
    )


def moved(at: int, to: int) -> str:
    """The event there stands elsewhere."""
    return (
        f"WITH gone AS (DELETE FROM store.event WHERE position = {at} RETURNING *)"
        " INSERT INTO store.event (position, aggregate_id, version, type, party, event)"
        f" OVERRIDING SYSTEM VALUE SELECT {to}, aggregate_id, version, type, party, event FROM gone"
    )


def test_a_sound_history_is_told_to_be_sound_and_what_that_does_not_show(world: World, kept: Path) -> None:
    said = world.verified("--against", str(kept))
    assert (said.code, said.data["found"], said.data["findings"]) == (0, 0, [])
    assert (said.data["events"], said.data["seals"], said.data["against"]) == (EVENTS, 3, [3])
    assert (said.data["first"], said.data["last"], said.data["unsealed"]) == (1, 20, 0)
    assert said.data["not_beside"] is None
    behind, truth = said.data["not_shown"]
    assert "No kept seal covers what stands behind position 20" in behind
    assert "No seal shows that every event was recorded" in truth
    assert "Nothing that was sealed has been changed." in run(world.home, "audit", "verify")[1]
    away = world.alone()
    assert away.data["not_beside"] == "They were not asked."
    assert "Only seals kept elsewhere show that" in away.data["not_shown"][1]


def test_processes_find_together_what_one_finds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a seal at a time: the links between their parts are looked at as well."""
    monkeypatch.setattr("commands.audit.verify.CHUNK_EVENTS", 1)
    progress: list[tuple[int, int]] = []

    def seen(workers: int) -> ChainVerification:
        return verify(
            world.admin, world.key.public_key(), home=lambda _party: 0, workers=workers,
            progress=lambda done, total: progress.append((done, total)),
        )  # fmt: skip

    forged = "UPDATE store.seal SET record = overlay(record PLACING 'ffff' FROM octet_length(record) - 20)"
    with damaged(world.admin, other_bytes(9), f"{forged} WHERE sequence = 2"):
        one, two = seen(1), seen(2)
    assert two == one
    assert [each.kind for each in one.findings] == ["seal_row", "range", "seal_signature", "seal_chain"]
    assert progress == [(6, EVENTS), (12, EVENTS), (18, EVENTS)] * 2


def test_a_changed_event_is_named(world: World) -> None:
    with damaged(world.admin, other_bytes(9)):
        beside, without = world.verified(), world.alone()
    assert (beside.code, beside.first, beside.data["found"]) == (1, ("changed", 9), 1)
    assert f"the event {world.name(9)} at position 9 is not what was sealed" in beside.text
    assert "What differs: recordedtime." in beside.text
    # The seal's sums tell the partition, in which the customer's three events are.
    assert (without.code, without.first, without.data["found"]) == (1, ("range", 9), 1)
    assert "(3 there now)" in without.text
    assert "the topics, which hold the events themselves, were not read" in without.text
    with damaged(world.admin, other_bytes(8)):
        lone = world.alone()
    assert lone.first == ("changed", 8)


def test_columns_are_compared_though_no_seal_covers_them(world: World) -> None:
    with damaged(world.admin, "UPDATE store.event SET party = gen_random_uuid() WHERE position = 9"):
        said = world.alone()
    assert (said.code, said.first, said.data["found"]) == (1, ("contradiction", 9), 1)


def test_a_removed_event_is_named_by_the_topics_and_by_the_gap_it_leaves(world: World) -> None:
    with damaged(world.admin, "DELETE FROM store.event WHERE position = 10"):
        both = world.verified(), world.alone()
    for said in both:
        assert (said.code, said.first, said.data["found"]) == (1, ("removed", 10), 1)
        assert f"the event {world.name(10)} is missing" in said.text


def test_an_inserted_event_is_named(world: World) -> None:
    with damaged(world.admin, inserted(world, 7)):
        both = world.verified(), world.alone()
    for said in both:
        assert (said.code, said.first, said.data["found"]) == (1, ("inserted", 7), 1)
    with damaged(world.admin, inserted(world, -3)):
        assert world.alone().first == ("inserted", -3)


@pytest.mark.parametrize("to", [7, 14, 40, -2])
def test_a_moved_event_is_found_where_it_stands(world: World, to: int) -> None:
    """To a burnt position under its own seal, under another, behind all of them, before all of them."""
    with damaged(world.admin, moved(9, to)):
        both = world.verified(), world.alone()
    for said in both if to == 7 else both[:1]:
        assert said.code == 1
        assert f"the event {world.name(9)}, sealed at position 9, stands at position {to}" in said.text
        assert said.kinds == ({"moved", "inserted"} if to < 1 else {"moved"})
    assert both[1].code == 1
    assert (said.data["unsealed"], said.data["unsealed_from"]) == ((1, 40) if to == 40 else (0, None))


@pytest.mark.parametrize(("one", "other"), [(9, 11), (8, 13)])
def test_events_that_changed_places_are_named(world: World, one: int, other: int) -> None:
    """Of one partition, and of two."""
    swap = (moved(one, 900), moved(other, one), moved(900, other))
    with damaged(world.admin, *swap):
        both = world.verified(), world.alone()
    for said in both:
        assert (said.code, said.first, said.data["found"]) == (1, ("moved", one), 1), said.text
        assert f"the event {world.name(other)}, sealed at position {other}, stands at" in said.text


@pytest.mark.parametrize("after", [17, 2])
def test_a_cut_tail_is_named_with_its_first_event(world: World, after: int) -> None:
    with damaged(world.admin, f"DELETE FROM store.event WHERE position > {after}"):
        beside, without = world.verified(), world.alone()
    for said in (beside, without):
        assert (said.code, said.first, said.data["found"]) == (1, ("cut_tail", after + 1), 1)
        assert f"The seals go up to position 20, and the store's last event is at {after}" in said.text
    assert f"the first one missing is {world.name(after + 1)} at position {after + 1}." in beside.text


def test_a_tail_cut_with_its_seals_shows_by_the_topics_and_by_a_kept_seal(world: World, kept: Path) -> None:
    cut = ("DELETE FROM store.event WHERE position > 13", "DELETE FROM store.seal WHERE sequence > 2")
    with damaged(world.admin, *cut):
        beside, against, without = world.verified(), world.alone("--against", str(kept)), world.alone()
    assert (without.code, without.data["found"]) == (0, 0), "nobody can see it from the store alone"
    for said in (beside, against):
        assert (said.code, said.first) == (1, ("cut_tail", 14))
    assert f"the event {world.name(15)} is missing, sealed at position 15" in beside.text
    assert "The kept seal 3 (up to position 20) lies past the store's chain" in against.text


def test_events_that_are_not_sealed_yet_are_counted(world: World) -> None:
    with damaged(world.admin, inserted(world, 40), inserted(world, 41, version=10)):
        said = world.alone()
    assert (said.code, said.data["unsealed"], said.data["unsealed_from"]) == (0, 2, 40)
    assert "2 events, from position 40 on, are not sealed yet" in said.data["not_shown"][0]


@contextmanager
def rewritten(world: World, key: Ed25519PrivateKey, *statements: str) -> Iterator[None]:
    """The store after these statements, with all its seals made and signed anew."""
    assert world.rows
    assert world.seals
    with damaged(world.admin, *statements):
        world.seal_anew(key)
        yield


def test_a_chain_signed_anew_with_another_key_is_named_with_its_event(world: World) -> None:
    with rewritten(world, STRANGER, other_bytes(9)):
        beside, without = world.verified(), world.alone()
    assert without.kinds == {"seal_signature"}
    assert beside.kinds == {"seal_signature", "rewritten", "changed"}
    assert beside.first == ("changed", 9)
    assert "the store was changed" in beside.text


REWRITTEN: dict[str, tuple[Callable[[World], list[str]], int]] = {
    "changed": (lambda _: [other_bytes(9)], 9),
    "removed": (lambda _: ["DELETE FROM store.event WHERE position = 10"], 10),
    "inserted": (lambda world: [inserted(world, 7)], 7),
    "moved": (lambda _: [moved(9, 7)], 7),
}
"""What is done, and the first position where something is not what was sealed."""


@pytest.mark.parametrize("kind", REWRITTEN)
def test_each_tampering_with_the_seals_rewritten_is_named_by_topics_and_kept_seals(
    world: World, kept: Path, kind: str
) -> None:
    """Signed anew with the installation's own key: nobody can see it from the store alone."""
    tampering, at = REWRITTEN[kind]
    with rewritten(world, world.key, *tampering(world)):
        beside, against, without = world.verified(), world.alone("--against", str(kept)), world.alone()
    assert (without.code, without.data["found"]) == (0, 0)
    assert (beside.code, beside.kinds, beside.first) == (1, {"rewritten", kind}, (kind, at))
    assert (against.code, against.kinds) == (1, {"rewritten"})


def test_a_chain_signed_anew_with_the_same_key_is_bracketed_by_kept_seals(
    world: World, kept: Path, tmp_path: Path
) -> None:
    first = world.seals[0]
    earlier = tmp_path / "earlier.json"
    named = {"record": first.record.decode(), "hash": first.hash.hex()}
    earlier.write_text(json.dumps(json.loads(kept.read_bytes()) | named))
    with rewritten(world, world.key, other_bytes(9)):
        beside, against = world.verified(), world.alone("--against", str(kept), "--against", str(earlier))
    assert "From the seal 2 on (position 7)" in beside.text
    assert "a seal kept elsewhere (`--against`) tells which" in beside.text
    assert (against.code, against.kinds) == (1, {"rewritten"})
    assert "somewhere at the positions 7 to 20" in against.text


def test_seals_that_were_signed_anew_alone_accuse_no_event(world: World) -> None:
    other = replace(world.seals[-1], sealed="2026-01-01T00:00:00.000000Z")
    record = sign(other, world.key)
    hashed = replace(other, record=record).hash
    values = f"record = '\\x{record.hex()}', hash = '\\x{hashed.hex()}'"
    with damaged(world.admin, f"UPDATE store.seal SET {values} WHERE sequence = 3"):
        said = world.verified()
    assert (said.code, said.kinds, said.data["named"]) == (1, {"rewritten"}, None)


def test_key_files_that_were_exchanged_show_by_a_kept_seal_and_by_the_topics(
    world: World, kept: Path
) -> None:
    public = Secrets(load(home=world.home).secrets).folder / "seal-public"
    before = public.read_text()
    try:
        public.write_text(STRANGER.public_key().public_bytes_raw().hex())
        with rewritten(world, STRANGER):
            beside, against, without = world.verified(), world.alone("--against", str(kept)), world.alone()
    finally:
        public.write_text(before)
    assert (without.code, beside.code, beside.kinds) == (0, 1, {"topic_seal"})
    assert (against.code, against.kinds) == (1, {"other_key", "rewritten"})
    assert key_id(STRANGER.public_key()) in against.text


SEAL_DAMAGES = {
    "seal_chain": "DELETE FROM store.seal WHERE sequence = 2",
    "seal_undecodable": "UPDATE store.seal SET record = '{}' WHERE sequence = 2",
    "seal_row": "UPDATE store.seal SET hash = '\\x00' WHERE sequence = 2",
}


@pytest.mark.parametrize("kind", SEAL_DAMAGES)
def test_a_seal_that_was_tampered_with_is_named(world: World, kind: str) -> None:
    with damaged(world.admin, SEAL_DAMAGES[kind]):
        said = world.alone()
    assert (said.code, said.kinds, said.data["named"]) == (1, {kind}, None)


def test_a_range_is_verified_by_whole_seals(world: World) -> None:
    """By positions and by the numbers of seals; what lies outside is not looked at."""
    for words in (("--from", "9", "--to", "10"), ("--from", "seal:2", "--to", "seal:2")):
        seen = world.alone(*words).data
        assert (seen["first"], seen["last"], seen["seals"], seen["events"]) == (7, 13, 1, 6)
    with damaged(world.admin, other_bytes(1)):
        assert world.alone("--from", "seal:2").code == 0
        assert world.alone("--to", "1").first == ("changed", 1)
    assert run(world.home, "audit", "verify", "--from", "seal:x")[0] == 2


def test_the_newest_seal_is_sent_to_a_webhook_and_verified_against(world: World, tmp_path: Path) -> None:
    """By its receiver, who keeps what was sent as it is."""
    with listening(204) as (url, taken):
        code, sent, _ = told(world.home, "audit", "seal", "--webhook", url)
    assert (code, sent["webhook"], sent["to"]) == (0, url.split("?")[0], 20)
    (tmp_path / "kept.json").write_bytes(taken[0])
    assert world.alone("--against", str(tmp_path / "kept.json")).data["against"] == [3]
    assert run(world.home, "audit", "seal")[1].encode() == taken[0]


def test_the_topics_are_searched_by_halving_and_may_be_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copied, "NEAR", 1)
    topics = TopicsCopy(KafkaAddress(bootstrap=world.bootstrap))
    assert topics.head() == world.seals[-1]
    for number, seal in enumerate(world.seals):
        under = [(row.position, row.event) for row in world.rows if seal.first <= row.position <= seal.last]
        assert topics.events(seal) == under
        assert list(topics.seals(partial(_lies_before, seal))) == list(world.seals[number:])
    customers = {"crm.customer.v1": {world.row(9).party}}
    theirs = [
        row
        for row in world.rows
        if row.type.startswith("crm.customer.") and row.party in {*customers["crm.customer.v1"]}
    ]
    for first in (1, 10, 21):
        keyed = [(record.position, record.event) for record in topics.keyed(customers, first)]
        assert keyed == [(row.position, row.event) for row in theirs if row.position >= first]
    away = TopicsCopy(KafkaAddress(bootstrap="127.0.0.1:1"), timeout=0.5)
    seen = verify(world.admin, world.key.public_key(), home=lambda _party: 0, copy=away)
    assert seen.found == 0
    assert (seen.not_beside or "").startswith("Kafka can't be asked: ")


def _lies_before(seal: Seal, one: Seal) -> bool:
    return one.sequence < seal.sequence


def test_an_event_is_proven_to_a_kept_seal_by_the_script_alone(
    world: World, kept: Path, tmp_path: Path
) -> None:
    file = tmp_path / "proof.json"
    words = ("audit", "prove", world.name(3))
    code, said = run(world.home, *words, "--against", str(kept), "--file", str(file))
    assert code == 0, said
    proof: Any = json.loads(file.read_bytes())
    assert (proof["position"], len(proof["chain"])) == (3, 2)
    assert check(proof, json.loads(kept.read_bytes())) == (True, world.seals[-1].hash.hex())
    assert check(json.loads(run(world.home, "audit", "prove", "3")[1]))[0]
    refused: Sequence[tuple[str, str]] = (
        ("3", "does not hold"),
        ("40", "is not sealed yet"),
        ("99", "There is no event"),
        ("x", "names no event"),
        (f"{world.row(3).aggregate_id}:99", "There is no event"),
    )
    with damaged(world.admin, other_bytes(2), inserted(world, 40)):
        for event, why in refused:
            code, said = run(world.home, "audit", "prove", event)
            assert (code, why in said) == (1, True), said
