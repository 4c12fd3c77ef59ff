"""Law 8: `as_of` now equals now; before the first event it is empty; `known_at` T equals a model fed exactly
the events recorded up to T. Of single records here; of timeline and board in `test_law_08_read_models.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.reads.as_of import row_as_of
from commands.store.application import Crm
from commands.store.event_reader import StoredRow
from commands.store.mapper import EventMapper
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from deploy.local.postgres import LocalPostgres
from domain.customers.customer import state as customer
from domain.events.catalogue import CATALOGUE
from domain.events.event import Event
from domain.kernel.aggregate import Evolve, replay
from domain.kernel.as_of import AsOf
from domain.kernel.errors import NotFound
from domain.service.case import state as case
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.runtime.replay import fold_all
from tests.support.database import Urls, new_store
from tests.support.histories import CIPHER, SEEDS, Step, dense_steps, history_of
from tests.support.rebuilding import INSERT
from tests.support.store import session

KINDS: Final[dict[str, Evolve[Any]]] = {
    "customer": customer.evolve,
    "case": case.evolve,
}
STEPS: Final = st.builds(dense_steps, SEEDS, st.integers(5, 60), st.just(36))
SETTINGS: Final = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
numbers: Final = count(1)


@dataclass
class Store:
    """A real store with histories in it, each with ids of its own."""

    urls: Urls
    crm: Crm

    def tell(self, steps: list[Step]) -> dict[UUID, list[tuple[Event, StoredRow]]]:
        """Appends a new history; its events by aggregate."""
        history = history_of(steps, seed=next(numbers))
        found: dict[UUID, list[tuple[Event, StoredRow]]] = {}
        with session(self.urls.app) as opened, opened.cursor() as c:
            for event, row in zip(history.events, history.rows, strict=True):
                values = (str(row.aggregate_id), row.version, row.type, str(row.party), row.event)
                c.execute(f"{INSERT} RETURNING position", (values,))
                ((position,),) = c.fetchall()
                found.setdefault(row.aggregate_id, []).append((event, row._replace(position=position)))
            opened.commit()
        return found


@pytest.fixture(scope="module")
def store(postgres: LocalPostgres) -> Iterator[Store]:
    with new_store(postgres) as urls:
        pool = Pool(urls.app, 2)
        yield Store(
            urls, Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(CATALOGUE, CIPHER))
        )
        pool.close()


def moments(events: list[Event]) -> list[AsOf]:
    """Each moment of a record as a cut, by either time and by both."""
    found: list[AsOf] = []
    for at in {event.time for event in events} | {event.recorded for event in events}:
        middle = events[len(events) // 2].recorded
        found += [AsOf(as_of=at), AsOf(known_at=at), AsOf(as_of=at, known_at=middle)]
    return found


def before(moment: AsOf, event: Event) -> bool:
    """What the cut is to leave."""
    return (moment.as_of or event.time) >= event.time and (
        moment.known_at or event.recorded
    ) >= event.recorded


@SETTINGS
@given(steps=STEPS)
def test_a_record_at_a_cut_is_that_of_exactly_the_events_until_then(store: Store, steps: list[Step]) -> None:
    for id, stored in store.tell(steps).items():
        events = [event for event, _ in stored]
        family = stored[0][1].type.split(".")[1]
        if family not in KINDS:
            continue
        evolve = KINDS[family]
        now = store.crm.load(family, evolve, id)
        assert store.crm.load(family, evolve, id, as_of=AsOf(as_of=max(now.time, now.recorded))) == now
        assert store.crm.load(family, evolve, id, as_of=AsOf(known_at=now.recorded)) == now
        for moment in moments(events):
            expected = replay(evolve, None, [event for event in events if before(moment, event)])
            if expected is None:
                with pytest.raises(NotFound):
                    store.crm.load(family, evolve, id, as_of=moment)
            else:
                assert store.crm.load(family, evolve, id, as_of=moment) == expected
        first = events[0]
        for early in (
            AsOf(as_of=first.time - timedelta(microseconds=1)),
            AsOf(known_at=first.recorded - timedelta(microseconds=1)),
        ):
            with pytest.raises(NotFound):
                store.crm.load(family, evolve, id, as_of=early)


@SETTINGS
@given(steps=st.builds(dense_steps, SEEDS, st.integers(5, 60), st.just(12)))
def test_an_opportunity_at_a_cut_is_the_read_model_s_row_of_exactly_those_events(
    store: Store, steps: list[Step]
) -> None:
    """Folded from the store by the read model's own fold: what the model would hold, had it stopped there."""
    told = store.tell(steps)
    every = [row for stored in told.values() for _, row in stored]
    now = fold_all(PIPELINE_V1, every, CATALOGUE)["opportunity"]
    for id, stored in told.items():
        if not stored[0][1].type.startswith("crm.opportunity."):
            continue
        whole = row_as_of(PIPELINE_V1, "opportunity", store.crm.history(id))
        assert whole is not None
        assert {name: whole[name] for name in now[str(id)]} == now[str(id)]
        for moment in moments([event for event, _ in stored]):
            fed = [row for event, row in stored if before(moment, event)]
            rows = fold_all(PIPELINE_V1, fed, CATALOGUE)["opportunity"]
            past = row_as_of(PIPELINE_V1, "opportunity", store.crm.history(id, moment))
            if str(id) not in rows:
                assert past is None
            else:
                assert past == {**rows[str(id)], "updated_at": rows[str(id)]["recorded"]}
