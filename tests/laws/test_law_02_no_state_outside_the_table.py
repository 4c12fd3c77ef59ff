"""Law 2: no sequence of commands reaches a state outside the table. The model knows nothing of the tables."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from domain.activities.interaction import state as interaction
from domain.customers.contact import state as contact
from domain.customers.customer import state as customer
from domain.directory.principal import state as principal
from domain.kernel.errors import DomainError
from domain.sales.lead import state as lead
from domain.sales.opportunity import state as opportunity
from domain.sales.product import state as product
from domain.service.case import state as case
from tests.support.machine import CrmMachine, PeopleMachine
from tests.support.machine_cases import CaseMachine, usd
from tests.support.machine_leads import LeadMachine
from tests.support.machine_opportunities import OpportunityMachine


class Lifecycles(CrmMachine):
    """Every command is done exactly when the model allows it, and leads to the model's state."""

    def judge(self, command: Any, *, allowed: bool, refusal: DomainError | None) -> None:
        done = refusal is None
        assert done == allowed, f"{command} was {'done' if done else f'refused: {refusal}'}"
        if refusal is not None:
            assert str(refusal).endswith(".")
            assert not refusal.code.startswith("concurrent")

    @invariant()
    def opportunities_are_what_the_model_says(self) -> None:
        for id, deal in self.deals.items():
            state = self.desk.crm.load("opportunity", opportunity.evolve, id)
            assert (state.stage, state.outcome, state.last_open_stage) == (
                deal.stage,
                deal.outcome,
                deal.last_open,
            )
            assert (state.probability, state.probability_overridden) == (deal.probability, deal.overridden)
            assert [close.outcome for close in state.closes] == deal.closes
            assert (state.team, state.expected_close) == (deal.team, deal.expected_close)

    @invariant()
    def customers_are_what_the_model_says(self) -> None:
        for id, party in self.parties.items():
            state = self.desk.crm.load("customer", customer.evolve, id)
            assert (state.survivor_id, state.parent_id) == (party.into, party.parent)
            assert (state.owner_id, state.preferences.get("channel")) == (party.owner, party.channel)
            assert state.state == ("active" if party.into is None else "merged")
            assert state.absorbed == {other for other, its in self.parties.items() if its.into == id}
            known = sorted(external_id for external_id, its in self.claimed.items() if its == id)
            assert sorted(reference.external_id for reference in state.references) == known

    @invariant()
    def external_ids_are_of_the_records_that_came_first(self) -> None:
        claims = self.desk.claims.rows.values()
        assert {claim.external_id: claim.id for claim in claims if claim.source == "erp"} == self.claimed

    @invariant()
    def principals_and_products_are_what_the_model_says(self) -> None:
        for id, active in self.active.items():
            found = self.desk.crm.load("principal", principal.evolve, id)
            assert found.state == ("active" if active else "deactivated")
        for id, offered in self.offered.items():
            sold = self.desk.crm.load("product", product.evolve, id)
            assert sold.state == ("offered" if offered else "discontinued")


class People(Lifecycles, PeopleMachine):
    """Customers, principals, products."""


class Opportunities(Lifecycles, OpportunityMachine):
    """Opportunities."""


class Leads(Lifecycles, LeadMachine):
    """Leads, their conversion, contacts."""

    @invariant()
    def leads_are_what_the_model_says(self) -> None:
        for id, prospect in self.prospects.items():
            state = self.desk.crm.load("lead", lead.evolve, id)
            assert (state.state, state.customer_id) == (prospect.state, prospect.customer)

    @invariant()
    def contacts_are_what_the_model_says(self) -> None:
        for id, person in self.people.items():
            state = self.desk.crm.load("contact", contact.evolve, id)
            points = {
                point.id: (str(point.value).casefold(), point.removed) for point in state.points.values()
            }
            assert points == person.points
            consents = {key: consent.withdrawn is None for key, consent in state.consents.items()}
            assert consents == person.consents


class Cases(Lifecycles, CaseMachine):
    """Cases and interactions."""

    @invariant()
    def cases_are_what_the_model_says(self) -> None:
        for id, ticket in self.tickets.items():
            state = self.desk.crm.load("case", case.evolve, id)
            assert (state.state, state.reopened, len(state.resolutions)) == (
                ticket.state,
                ticket.reopened,
                ticket.resolutions,
            )
            assert (state.responded is not None) == ticket.responded

    @invariant()
    def interactions_are_what_the_model_says(self) -> None:
        for id, said in self.said.items():
            state = self.desk.crm.load("interaction", interaction.evolve, id)
            assert (state.kind, state.channel, state.body) == (said.kind, said.channel, said.body)
            assert state.amount == usd(said.amount)
            assert (state.survey and state.survey.score) == said.score
            assert (state.customer_id, state.case_id) == (said.customer, said.about)
            assert state.corrections == said.corrections


SETTINGS = settings(
    max_examples=50, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPeopleStayInTheTable = People.TestCase
TestPeopleStayInTheTable.settings = SETTINGS
TestOpportunitiesStayInTheTable = Opportunities.TestCase
TestOpportunitiesStayInTheTable.settings = SETTINGS
TestLeadsStayInTheTable = Leads.TestCase
TestLeadsStayInTheTable.settings = SETTINGS
TestCasesStayInTheTable = Cases.TestCase
TestCasesStayInTheTable.settings = SETTINGS
