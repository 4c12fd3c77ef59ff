"""Relays under random faults, of every kind that a machine, a network and an operator have for them.

The short form, 6 kinds drawn from 16, runs with all tests; `make test-long` runs at least 200 faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from tests.conftest import JARS
from tests.support.befalling import befall
from tests.support.relay_faults import LONG_ROUND, SHORT_ROUND, Fault
from tests.support.relay_scene import Scene, scene
from tests.support.story import some


@pytest.mark.slow
@pytest.mark.timeout(7200)  # the long form; whatever hangs is ended by the bound of its own wait
def test_whatever_befalls_relays_store_and_broker_each_event_is_published_once(
    services_folder: Path, tmp_path: Path, faults: int | None, fault_seed: int
) -> None:
    """Given clients that never stop appending and two relays, when leaders are killed and stopped at every
    point of their work, when two lead at once, when broker and store are killed, when networks fail, then
    after each fault everything catches up by itself, no relay gives up, and in the end a plain reader of
    committed records finds in the topics exactly the store's events, once, in order per party, each under one
    seal that an auditor can check."""
    pace = 2.0 if faults else 1.0  # the long form reads as many events several times
    with scene(services_folder, JARS, tmp_path, fault_seed, pace) as stage:
        stage.story.say(f"faults drawn from the seed {fault_seed}; the same again: --fault-seed={fault_seed}")
        chance = Random(fault_seed)
        with stage.story.told_with_errors(stage.report):
            play(stage, chance, LONG_ROUND if faults else some(chance, SHORT_ROUND), faults or 1)


def play(stage: Scene, chance: Random, kinds: Mapping[str, Fault], wanted: int) -> None:
    """At least so many faults, and what is to be seen after them."""
    stage.fill()
    stage.catch_up()
    done = befall(
        stage, chance, kinds, wanted, every=3,
        look=lambda: f"{stage.check(whole=False)} events are in the topics, once and in order",
    )  # fmt: skip
    stage.clients.stop()
    stage.catch_up()
    for seat in stage.seats:
        assert seat.process is not None
        assert stage.relays.stop(seat.process) == 0
    events = stage.check(whole=True)
    stage.story.say(f"{done.total()} faults, {events} events in {stage.relays.seals()} seals: {dict(done)}")
