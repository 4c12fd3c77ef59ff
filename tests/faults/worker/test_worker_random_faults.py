"""Workers of all read models under random faults, while commands keep coming.

The short form, 6 kinds drawn from 13, runs with all tests; `make test-long` runs at least 200 faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from projections.registry import PROJECTIONS
from tests.support.befalling import befall
from tests.support.relaying import until
from tests.support.story import some
from tests.support.worker_faults import LONG_ROUND, SHORT_ROUND, Fault
from tests.support.worker_scene import LONG, Scene, scene
from tests.support.working import Workers


@pytest.mark.slow
@pytest.mark.timeout(7200)  # the long form; whatever hangs is ended by the bound of its own wait
def test_whatever_befalls_workers_the_rows_are_those_of_an_independent_fold(
    workers: Workers, kafka: LocalKafka, postgres: LocalPostgres, faults: int | None, fault_seed: int
) -> None:
    """Given clients of the real handlers that never stop, and two workers of each read model, when workers
    are killed and stopped at every point of a batch, added and removed, when broker and database are killed,
    topics made anew and written into by strangers, then after each fault everything catches up by itself, no
    worker gives up, and the rows of every table are those of an independent fold over the store, each of one
    party or aggregate, with every seal applied once."""
    with scene(workers, kafka, postgres, fault_seed) as stage:
        stage.story.say(f"faults drawn from the seed {fault_seed}; the same again: --fault-seed={fault_seed}")
        chance = Random(fault_seed)
        with stage.story.told_with_errors(stage.report):
            play(stage, chance, LONG_ROUND if faults else some(chance, SHORT_ROUND), faults or 1)


def play(stage: Scene, chance: Random, kinds: Mapping[str, Fault], wanted: int) -> None:
    """At least so many faults, and what is to be seen after them."""
    stage.fill()
    for seat in stage.seats:
        stage.until_at_work(seat)
    until(lambda: stage.relays.head() > 0, "commands come", LONG)
    stage.catch_up()
    done = befall(
        stage, chance, kinds, wanted, every=2,
        look=lambda: f"{stage.check_while_clients_rest()} events are in the rows, once and in order",
    )  # fmt: skip
    stage.clients.stop()
    events = stage.check()
    stage.story.say(f"{done.total()} faults, {events} events in {stage.relays.seals()} seals: {dict(done)}")
    families = {row.type.split(".")[1] for row in stage.stored()}
    read = {family for projection in PROJECTIONS for family in projection.families}
    assert families >= read, "the clients were to use every family"
