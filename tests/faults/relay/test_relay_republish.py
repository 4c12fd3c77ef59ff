"""Lost topics are restored from the store into the same result, and the relay goes on behind them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from consumers.kafka.address import KafkaAddress
from consumers.relay.republish import RepublishResult
from consumers.relay.status import relay_status
from consumers.relay.topic_survey import RepublishRefused
from deploy.secrets import PUBLIC, Secrets
from tests.support.kafka import SEALS, TOPICS, make_topics
from tests.support.relaying import Relays, append_events, until
from tests.support.republishing import (
    Content,
    contents_now,
    lose,
    republish,
    republish_killed,
    republisher,
    topics_there,
    write,
)
from tests.support.store import execute
from tests.support.upping import rapport, told

ONE, TWO = TOPICS[0], TOPICS[3]
PIECES = 6


def publish_some(relays: Relays, pieces: int = PIECES) -> None:
    """Events of all families in so many ranges; no relay runs afterwards."""
    relay = relays.start()
    for _ in range(pieces):
        append_events(relays.urls.app, 100)
        relays.until_published()
    assert relays.stop(relay) == 0
    relays.check()


def until_there(relays: Relays, before: list[Content]) -> None:
    """Waits until readers see exactly that again: a commit is answered before all its markers are written."""
    until(lambda: contents_now(relays) == before, "every record as it was", 60)


def found(restored: RepublishResult) -> dict[str, str]:
    """The topics concerned and how they were found."""
    return {topic.name: topic.state for topic in restored.topics}


def test_what_is_lost_comes_back_as_it_was(relays: Relays) -> None:
    """Given topics that were deleted, when they are restored, then every record is there again, the same in
    partition, order, key, bytes, time and headers; and the relay goes on."""
    publish_some(relays)
    before = contents_now(relays)
    losses: Sequence[tuple[str, ...]] = ((ONE,), (SEALS,), (TWO, SEALS), (*TOPICS, SEALS))
    for lost in losses:
        lose(relays.bootstrap, lost)
        with republisher(relays) as it:
            planned = it.plan()
        assert found(planned) == dict.fromkeys(lost, "missing")
        restored = republish(relays)
        assert found(restored) == found(planned)
        assert restored.records == sum(record[0] in lost for record in before)
        until_there(relays, before)
    assert republish(relays).topics == [], "nothing is lost any more"
    publish_some(relays, 1)
    relays.check()


def test_killed_anywhere_and_run_again_it_ends_in_the_same(relays: Relays) -> None:
    """Given runs that died in a transaction, before and after a commit, and before the seals were whole, the
    next one goes on behind the last range that was committed."""
    publish_some(relays)
    before = contents_now(relays)
    lose(relays.bootstrap, (*TOPICS, SEALS))
    for die_at, die_time in (
        ("in the transaction", 2),
        ("before the commit", 1),
        ("after the commit", 2),
    ):
        republish_killed(relays, die_at, die_time)
    # One range by the first run, none by the second, two by the third.
    (done,) = execute(relays.urls.admin, "SELECT sum(count) FROM store.seal WHERE sequence <= 3")[0]
    with republisher(relays) as it:
        assert it.plan().records == len(before) - done
    republish_killed(relays, "after the commit", relays.seals() - 3)
    assert found(republish(relays)) == {SEALS: "empty"}
    until_there(relays, before)
    publish_some(relays, 1)
    relays.check()


def test_what_cannot_be_restored_is_refused_and_left_alone(relays: Relays) -> None:
    """Given a leading relay, a record that is nobody's, a topic with a hole, or seals that would come before
    their events, nothing is published, and the sentence says what to do."""
    relay = relays.start("a relay")
    append_events(relays.urls.app, 100)
    relays.until_published()
    with pytest.raises(RepublishRefused, match=r"A relay leads \(a relay\).*Stop all relays"):
        republish(relays, wait=0.3)
    assert relays.stop(relay) == 0
    publish_some(relays, 1)
    with pytest.raises(RepublishRefused, match="There is no topic nonsense"):
        republish(relays, ["nonsense"])
    assert republish(relays, [ONE, SEALS]).records == 0, "whole ones are read and left alone"

    before = contents_now(relays)
    lose(relays.bootstrap, (ONE, SEALS))
    with pytest.raises(RepublishRefused, match=f"{ONE} has lost events too, and the seals come last"):
        republish(relays, [SEALS])
    republish(relays)
    until_there(relays, before)
    # The second half of a topic alone: its end is where it must be.
    half = [record for record in before if record[0] == ONE][-5:]
    lose(relays.bootstrap, [ONE])
    make_topics(relays.bootstrap)
    write(relays.bootstrap, half)
    with pytest.raises(
        RepublishRefused, match=f"{ONE} is neither empty nor a first part .* Delete the topic"
    ):
        republish(relays, [ONE])
    lose(relays.bootstrap, [ONE])
    republish(relays)
    until_there(relays, before)
    # A stranger's record at the end, dressed up as one of ours.
    topic, partition, key, value, timestamp, headers = half[-1]
    write(relays.bootstrap, [(topic, partition, key, value + b" ", timestamp, headers)])
    with pytest.raises(RepublishRefused, match=f"{ONE} is neither .* that no relay wrote. Delete the topic"):
        republish(relays)


def test_a_relay_makes_no_lost_topic_anew(relays: Relays) -> None:
    """Given a topic that was deleted, under a running relay or before its start, then the relay stops and
    names the command; an empty topic in its place would hide the loss."""
    relay = relays.start()
    append_events(relays.urls.app, 100)
    relays.until_published()
    lose(relays.bootstrap, [ONE])
    append_events(relays.urls.app, 100)
    for name in ("relay", "second"):
        process = relay if name == "relay" else relays.start(name)
        assert process.wait(120) == 1
        assert f"The topics are behind: {ONE} " in relays.row()["reason"]
        assert "Run `rapport relay republish`" in relays.row()["reason"]
        assert contents_now(relays), "the others are there"
        assert ONE not in topics_there(relays.bootstrap)
    republish(relays)
    publish_some(relays, 1)
    relays.check()


def test_the_command_says_what_it_does(relays: Relays, tmp_path: Path) -> None:
    """`--dry-run` changes nothing; afterwards nothing is lost; and `relay status` tells of it."""
    publish_some(relays, 2)
    lose(relays.bootstrap, [ONE])
    settings = {
        "RAPPORT_RELAY_URL": relays.urls.relay,
        "RAPPORT_KAFKA_BOOTSTRAP": relays.bootstrap,
    }
    Secrets(tmp_path / "secrets").keep(PUBLIC, relays.key.public_key().public_bytes_raw().hex)
    code, planned = told(tmp_path, "relay", "republish", "--dry-run", **settings)
    data = planned["data"]
    assert (code, data["dry_run"], [one["topic"] for one in data["topics"]]) == (0, True, [ONE])
    assert ONE not in topics_there(relays.bootstrap)
    done = rapport(tmp_path, "relay", "republish", "--topic", ONE, **settings)
    assert (done.returncode, f"{data['records']} records" in done.stdout) == (0, True)
    assert f"Republish: {data['records']} of {data['records']} records" in done.stderr
    code, again = told(tmp_path, "relay", "republish", "--all", **settings)
    assert (code, again["data"]["records"], len(again["data"]["topics"])) == (0, 0, len(TOPICS) + 1)
    code, status = told(tmp_path, "relay", "status", **settings)
    assert (code, status["data"]["state"], status["data"]["high_water_mark"]) == (1, "stopped", relays.head())
    assert "has restored what was lost. Start it with" in status["diagnostics"][0]["fact"]
    silent = "UPDATE store.relay SET state = 'republishing', heartbeat = now() - interval '1 minute'"
    execute(relays.urls.admin, silent)
    seen = relay_status(relays.urls.relay, KafkaAddress(bootstrap=relays.bootstrap))
    assert (seen.state, len(seen.findings)) == ("republishing", 1)
    assert "Run `rapport relay republish` again" in seen.findings[0]
