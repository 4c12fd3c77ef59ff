"""Faults for relays, their store and their broker. Each answers, in words, what it did.

What a fault breaks is whole again when it ends; relays that it killed stay dead. Where it does a thing at a
failpoint, the leader is stopped there first (SIGSTOP) and goes on when the thing is done.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from random import Random

from tests.support.relay_scene import LONG, Scene, Seat, quit_at_once
from tests.support.relaying import until

BEFORE_SEAL = "before the seal row"
AFTER_SEAL = "after the seal row"
INSIDE = "in the transaction"
BEFORE_COMMIT = "before the commit"
AFTER_COMMIT = "after the commit"
CHECKPOINTS = (BEFORE_SEAL, AFTER_SEAL, INSIDE, BEFORE_COMMIT, AFTER_COMMIT)

Fault = Callable[[Scene, Random], str]


def leader_killed(at: str) -> Fault:
    """Kill -9 of the leader at that failpoint."""

    def fault(scene: Scene, chance: Random) -> str:
        times, pause = chance.randint(1, 3), chance.choice((0.0, 0.0, 0.1))
        seat = scene.trap(at, "SIGKILL", pause=pause, times=times)
        return f"{seat.name} killed {at}, at the time {times}, after {pause:g} s"

    return fault


def leader_killed_before_the_seal_row(scene: Scene, chance: Random) -> str:
    """Kill -9 of the leader when only the thread that seals is held there and the one that publishes has all
    the time it needs: it must not know of a range yet that has no seal row."""
    seat = scene.hold(BEFORE_SEAL)
    scene.until_all_sealed_is_published(seat)
    time.sleep(1.0)
    seat.signal(signal.SIGKILL)
    until(lambda: not seat.alive, f"{seat.name} is dead", LONG)
    return f"{seat.name} killed {BEFORE_SEAL}"


def leader_killed_at_random(scene: Scene, chance: Random) -> str:
    """Kill -9 of the leader at any moment."""
    seat = a_moment_later(scene, chance)
    seat.signal(signal.SIGKILL)
    until(lambda: not seat.alive, f"{seat.name} is dead", LONG)
    return f"{seat.name} killed"


def leader_told_to_stop(scene: Scene, chance: Random) -> str:
    """SIGTERM: the leader ends in order."""
    seat = a_moment_later(scene, chance)
    assert seat.process is not None
    seat.signal(signal.SIGTERM)
    code = seat.process.wait(LONG)
    assert code == 0, f"{seat.name} was told to stop and ended with {code}"
    return f"{seat.name} told to stop"


def all_killed_and_started_at_once(scene: Scene, chance: Random) -> str:
    """Kill -9 of both relays; two begin at the same time."""
    for seat in scene.seats:
        seat.signal(signal.SIGKILL)
    until(lambda: not any(seat.alive for seat in scene.seats), "both relays are dead", LONG)
    scene.fill()
    return f"both killed, {' and '.join(seat.name for seat in scene.seats)} started"


def leader_stopped(at: str | None) -> Fault:
    """SIGSTOP, there or at any moment; another leads and publishes; SIGCONT."""

    def fault(scene: Scene, chance: Random) -> str:
        if at is not None:
            seat = scene.trap(at, "SIGSTOP")
        else:
            seat = a_moment_later(scene, chance)
            seat.signal(signal.SIGSTOP)
        scene.until_another_leads(seat)
        scene.catch_up()
        goes_on_and_stands_by(scene, seat)
        return f"{seat.name} stopped {at or 'at any moment'} until another led, then continued"

    return fault


def two_lead_at_once(scene: Scene, chance: Random) -> str:
    """The server ends the leader's session while it is amid its work: another begins at once, and the first
    does not know yet."""
    at = chance.choice(CHECKPOINTS)
    seat = scene.trap(at, "SIGSTOP")
    scene.end_leaders_session()
    seat.signal(signal.SIGCONT)
    return f"{seat.name} lost its lock {at}"


def broker_killed(scene: Scene, chance: Random) -> str:
    """Kill -9 of the broker while a transaction is under way; it starts again."""
    at = chance.choice((INSIDE, BEFORE_COMMIT, AFTER_COMMIT))
    seat = scene.trap(at, "SIGSTOP")
    scene.kafka.kill()
    seat.signal(signal.SIGCONT)
    scene.kafka.start()
    return f"the broker killed while {seat.name} was {at}"


def broker_killed_at_random(scene: Scene, chance: Random) -> str:
    """Kill -9 of the broker at any moment; it starts again, sometimes only after a while."""
    a_moment_later(scene, chance)
    scene.kafka.kill()
    away = chance.choice((0.0, 0.0, 3.0))
    time.sleep(away)
    scene.kafka.start()
    return f"the broker killed, and {away:g} s later started"


def store_killed(scene: Scene, chance: Random) -> str:
    """Kill -9 of PostgreSQL with all its sessions; it starts again."""
    at = chance.choice(CHECKPOINTS)
    seat = scene.trap(at, "SIGSTOP")
    scene.postgres.kill()
    seat.signal(signal.SIGCONT)
    time.sleep(chance.uniform(0, 1))
    scene.postgres.start()
    return f"PostgreSQL killed while {seat.name} was {at}"


def store_quit(scene: Scene, chance: Random) -> str:
    """PostgreSQL's immediate stop at any moment; it starts again."""
    a_moment_later(scene, chance)
    quit_at_once(scene.postgres)
    scene.postgres.start()
    return "PostgreSQL stopped at once and started"


def commit_without_answer(scene: Scene, chance: Random) -> str:
    """The broker commits, and the leader is never told: it must look what became of it."""
    seat = scene.trap(BEFORE_COMMIT, "SIGSTOP")
    said = len(scene.log(seat))
    seat.broker.lose_answers()
    seat.signal(signal.SIGCONT)
    scene.until_said(seat, said, "does not take events", "leads no longer")
    seat.broker.heal()
    return f"{seat.name} had no answer to its commit"


def broker_out_of_reach(scene: Scene, chance: Random) -> str:
    """The leader's connections to the broker break, and for a moment no new one comes about."""
    at = chance.choice((INSIDE, BEFORE_COMMIT, AFTER_COMMIT))
    seat = scene.trap(at, "SIGSTOP")
    seat.broker.cut()
    seat.signal(signal.SIGCONT)
    away = chance.uniform(0.1, 1.5)
    time.sleep(away)
    seat.broker.heal()
    return f"{seat.name} cut from the broker {at} for {away:.1f} s"


def store_out_of_reach(scene: Scene, chance: Random) -> str:
    """The leader's connections to the store break until another leads."""
    at = chance.choice(CHECKPOINTS)
    seat = scene.trap(at, "SIGSTOP")
    seat.store.cut()
    seat.signal(signal.SIGCONT)
    scene.until_another_leads(seat)
    seat.store.heal()
    return f"{seat.name} cut from the store {at} until another led"


def alone(scene: Scene, chance: Random) -> str:
    """Nothing of the leader's gets to the store, nor to the broker, until another leads; then all arrives."""
    at = chance.choice(CHECKPOINTS)
    seat = scene.trap(at, "SIGSTOP")
    ways = chance.choice(((seat.store,), (seat.store, seat.broker)))
    for way in ways:
        way.hold()
    seat.signal(signal.SIGCONT)
    scene.until_another_leads(seat)
    scene.catch_up()
    for way in ways:
        way.heal()
    return f"{seat.name} held up {at}, on {len(ways)} of 2 ways, until another led"


def a_moment_later(scene: Scene, chance: Random) -> Seat:
    """The leader's seat, after up to half a second."""
    seat = scene.a_leader()
    time.sleep(chance.uniform(0, 0.5))
    return seat


def goes_on_and_stands_by(scene: Scene, seat: Seat) -> None:
    """SIGCONT; returns when the relay has noticed that it leads no longer."""
    said = len(scene.log(seat))
    seat.signal(signal.SIGCONT)
    scene.until_said(seat, said, "stands by", f"{seat.name}, leads")


SHORT_ROUND: dict[str, Fault] = {
    "leader killed before the seal row": leader_killed_before_the_seal_row,
    **{f"leader killed {at}": leader_killed(at) for at in CHECKPOINTS[1:]},
    "leader killed at any moment": leader_killed_at_random,
    "leader told to stop": leader_told_to_stop,
    "leader stopped before the seal row": leader_stopped(BEFORE_SEAL),
    "leader stopped before the commit": leader_stopped(BEFORE_COMMIT),
    "two lead at once": two_lead_at_once,
    "broker killed in a transaction": broker_killed,
    "store killed": store_killed,
    "store stopped at once": store_quit,
    "commit without answer": commit_without_answer,
    "broker out of reach": broker_out_of_reach,
    "store out of reach": store_out_of_reach,
}
"""One fault of each kind that differs in what it leaves behind."""
LONG_ROUND: dict[str, Fault] = SHORT_ROUND | {
    "leader stopped at any moment": leader_stopped(None),
    "leader alone": alone,
    "all killed, two started at once": all_killed_and_started_at_once,
    "broker killed at any moment": broker_killed_at_random,
}
