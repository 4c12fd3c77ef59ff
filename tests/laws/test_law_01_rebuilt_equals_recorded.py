"""Law 1: an aggregate that is rebuilt from its events' bytes equals the one that recorded them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from domain.events.event import Event
from domain.kernel.aggregate import Aggregate, replay
from domain.record_types import BUSINESS
from tests.support.machine import CrmMachine, PeopleMachine
from tests.support.machine_cases import CaseMachine
from tests.support.machine_leads import LeadMachine
from tests.support.machine_opportunities import OpportunityMachine

EVOLVE: dict[type[Any], Callable[[Any, Event], Aggregate]] = {
    event.payload: each.evolve for each in BUSINESS if each.evolve is not None for event in each.events
}


class Rebuilding(CrmMachine):
    """Folds each event as it is recorded, before it becomes bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded: dict[UUID, Aggregate] = {}
        self.changed: dict[UUID, Callable[[Any, Event], Aggregate]] = {}
        record = self.desk.crm.record

        def remembering(events: Sequence[Event], **options: Any) -> list[int]:
            positions = record(events, **options)
            for event in events:
                evolve = EVOLVE[type(event.payload)]
                id = event.originator_id
                self.recorded[id] = evolve(self.recorded.get(id), event)
                self.changed[id] = evolve
            return positions

        self.desk.crm.record = remembering  # type: ignore[method-assign]

    @invariant()
    def rebuilt_equals_recorded(self) -> None:
        for id, evolve in self.changed.items():
            rebuilt: Aggregate | None = replay(evolve, None, self.desk.crm.events(id))
            assert rebuilt == self.recorded[id]
        self.changed.clear()


class People(Rebuilding, PeopleMachine):
    """Customers, principals, products."""


class Opportunities(Rebuilding, OpportunityMachine):
    """Opportunities."""


class Leads(Rebuilding, LeadMachine):
    """Leads, their conversion, contacts."""


class Cases(Rebuilding, CaseMachine):
    """Cases and interactions."""


SETTINGS = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPeopleRebuilt = People.TestCase
TestPeopleRebuilt.settings = SETTINGS
TestOpportunitiesRebuilt = Opportunities.TestCase
TestOpportunitiesRebuilt.settings = SETTINGS
TestLeadsRebuilt = Leads.TestCase
TestLeadsRebuilt.settings = SETTINGS
TestCasesRebuilt = Cases.TestCase
TestCasesRebuilt.settings = SETTINGS
