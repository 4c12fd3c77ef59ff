"""Faults for workers, their broker, their database and their topics. Each answers, in words, what it did.

What a fault breaks is whole again when it ends; workers that it killed stay dead.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from random import Random

from consumers.worker.partition_buffer import SEAL_PLACE
from tests.support.befalling import Seat
from tests.support.database import PARTITIONS
from tests.support.kafka import SEALS, TOPICS
from tests.support.relaying import until
from tests.support.republishing import lose, republish, write
from tests.support.store import execute
from tests.support.worker_scene import LONG, Scene
from tests.support.working import ALL

ASSEMBLED, WRITTEN, COMMIT = "batch assembled", "rows written", "before the commit"
CHECKPOINTS = (ASSEMBLED, WRITTEN, COMMIT)

AHEAD = 1_000_000

Fault = Callable[[Scene, Random], str]


def killed(at: str) -> Fault:
    """Kill -9 of a worker at that failpoint."""

    def fault(scene: Scene, chance: Random) -> str:
        seat, times, where = scene.a_seat(chance), chance.randint(1, 3), f"{chance.choice(ALL)}: {at}"
        scene.trap(seat, where, "SIGKILL", times)
        return f"{seat.name} killed in {where}, at the time {times}"

    return fault


def killed_at_random(scene: Scene, chance: Random) -> str:
    """Kill -9 of some workers, or all, at any moment."""
    seats = chance.sample(scene.seats, chance.randint(1, len(scene.seats)))
    time.sleep(chance.uniform(0, 0.5))
    for seat in seats:
        seat.signal(signal.SIGKILL)
    until(lambda: not any(seat.alive for seat in seats), "they are dead", LONG)
    return f"{', '.join(seat.name for seat in seats)} killed"


def stopped(at: str | None) -> Fault:
    """SIGSTOP, there or at any moment, until others have its shares and have gone on; SIGCONT."""

    def fault(scene: Scene, chance: Random) -> str:
        seat = stop(scene, chance, at)
        scene.until_free_of(seat)
        if chance.random() < 0.7:
            scene.catch_up()
        scene.goes_on(seat)
        return f"{seat.name} stopped: {at or 'at any moment'}, until others had its shares, then continued"

    return fault


def stop(scene: Scene, chance: Random, at: str | None) -> Seat:
    """A worker that stands still there."""
    seat = scene.a_seat(chance)
    if at is not None:
        scene.trap(seat, f"{chance.choice(ALL)}: {at}", "SIGSTOP", chance.randint(1, 3))
    else:
        time.sleep(chance.uniform(0, 0.5))
        seat.signal(signal.SIGSTOP)
    return seat


def added(scene: Scene, chance: Random) -> str:
    """One more worker of each read model, which gets its part of the shares."""
    seat = Seat("C")
    scene.seats.append(seat)
    scene.fill()
    scene.until_at_work(seat)
    return f"{seat.name} added"


def removed(scene: Scene, chance: Random) -> str:
    """SIGTERM for workers: they end in order, others go on."""
    seat = scene.a_seat(chance)
    assert seat.process is not None
    seat.signal(signal.SIGTERM)
    code = seat.process.wait(LONG)
    assert code == 0, f"{seat.name} was told to stop and ended with {code}: {scene.log(seat)[-2000:]}"
    assert not scene.owned(seat), "it let nothing go"
    if len(scene.seats) > 2:
        scene.seats.remove(seat)
    return f"{seat.name} removed"


def broker_killed(scene: Scene, chance: Random) -> str:
    """Kill -9 of the broker, sometimes away for a while."""
    away = chance.choice((0.0, 0.0, 3.0))
    scene.kafka.kill()
    time.sleep(away)
    scene.kafka.start()
    return f"the broker killed, and {away:g} s later started"


def database_restarted(scene: Scene, chance: Random) -> str:
    """PostgreSQL killed or stopped in order, with all sessions; started again."""
    at = chance.choice((None, WRITTEN, COMMIT))
    seat = scene.a_seat(chance)
    if at is not None:
        scene.trap(seat, f"{chance.choice(ALL)}: {at}", "SIGSTOP")
    end = chance.choice((scene.postgres.kill, scene.postgres.stop))
    end()
    seat.signal(signal.SIGCONT)
    time.sleep(chance.choice((0.0, 1.5)))
    scene.postgres.start()
    return f"PostgreSQL: {end.__name__}, {seat.name} {at or 'at any moment'}"


def republished(scene: Scene, chance: Random) -> str:
    """Some topics are deleted and restored, as an operator does it."""
    lost = chance.choice(
        [(SEALS,), (*TOPICS, SEALS), chance.sample(TOPICS, 1), chance.sample(TOPICS, 2), [*TOPICS]]
    )
    restore(scene, lost)
    return f"{', '.join(lost)} deleted and restored"


def stopped_while_republished(scene: Scene, chance: Random) -> str:
    """A worker stands still while the topics that it read are made anew, and then goes on."""
    seat = stop(scene, chance, chance.choice((*CHECKPOINTS, None)))
    lost = chance.sample(TOPICS, 2)
    restore(scene, lost)
    scene.until_free_of(seat)
    scene.goes_on(seat)
    return f"{seat.name} stopped while {', '.join(lost)} were deleted and restored"


def killed_while_republished(scene: Scene, chance: Random) -> str:
    """Workers are killed and begin anew while topics are away."""
    lost = chance.sample(TOPICS, 2)
    scene.stop_relay()
    lose(scene.relays.bootstrap, lost)
    said = killed_at_random(scene, chance)
    scene.fill()
    republish(scene.relays)
    scene.start_relay()
    return f"{said} while {', '.join(lost)} were away"


def broker_killed_under_a_stopped_one(scene: Scene, chance: Random) -> str:
    """A worker stands still while the broker is killed and its shares are taken over."""
    seat = stop(scene, chance, chance.choice((*CHECKPOINTS, None)))
    scene.kafka.kill()
    scene.until_free_of(seat)
    scene.kafka.start()
    scene.goes_on(seat)
    return f"the broker killed while {seat.name} stood still"


def stranger(scene: Scene, chance: Random) -> str:
    """Somebody writes into a topic: the shares concerned stand as `seal_mismatch`, and no others. The topic
    is deleted and restored."""
    topic = chance.choice([name for name in TOPICS if scene.reading(name)])
    partition = chance.randrange(PARTITIONS)
    event = bytes(execute(scene.workers.urls.admin, "SELECT event FROM store.event LIMIT 1")[0][0])
    headers, how = chance.choice(
        [
            ({}, "without a position"),
            ({"position": bytes(8)}, "with the position 0"),
            ({"position": scene.relays.head().to_bytes(8, "big")}, "with a position that was published"),
            ({"position": (scene.relays.head() + AHEAD).to_bytes(8, "big")}, "with a position far ahead"),
        ]
    )
    scene.catch_up()
    write(scene.relays.bootstrap, [(topic, partition, b"key", event, 0, headers)])
    concerned = {(name, partition) for name in scene.reading(topic)}

    def mismatches() -> dict[tuple[str, int], str]:
        return {
            (name, share["partition"]): share["reason"]
            for name, share in scene.shares()
            if share["state"] == "seal_mismatch"
        }

    until(lambda: set(mismatches()) == concerned, f"a mismatch of {concerned}", LONG)
    place = f"{topic} partition {partition}"
    assert all(place in reason and SEAL_PLACE[0] not in reason for reason in mismatches().values())
    head = scene.relays.head()

    def behind() -> set[tuple[str, int]]:
        return {(name, share["partition"]) for name, share in scene.shares() if share["position"] < head}

    until(lambda: behind() <= concerned, "the other shares go on", LONG)
    restore(scene, [topic])
    return f"a record {how} in {place} stopped {len(concerned)} shares; the topic deleted and restored"


def restore(scene: Scene, topics: Sequence[str]) -> None:
    """Deletes them and puts them back."""
    scene.stop_relay()
    lose(scene.relays.bootstrap, topics)
    republish(scene.relays)
    scene.start_relay()


SHORT_ROUND: dict[str, Fault] = {
    **{f"killed: {at}": killed(at) for at in CHECKPOINTS},
    "killed at any moment": killed_at_random,
    "stopped: batch assembled": stopped(ASSEMBLED),
    "stopped: rows written": stopped(WRITTEN),
    "stopped at any moment": stopped(None),
    "added": added,
    "removed": removed,
    "broker killed": broker_killed,
    "database restarted": database_restarted,
    "topics republished": republished,
    "stranger": stranger,
}
"""One fault of each kind."""
LONG_ROUND: dict[str, Fault] = SHORT_ROUND | {
    "stopped: before the commit": stopped(COMMIT),
    "stopped while topics were republished": stopped_while_republished,
    "killed while topics were away": killed_while_republished,
    "broker killed under a stopped one": broker_killed_under_a_stopped_one,
}
