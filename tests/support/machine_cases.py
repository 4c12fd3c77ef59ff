"""Cases and interactions, beside a small model that was written without the tables."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule

from domain.activities.interaction import commands as i
from domain.activities.interaction.events import Survey
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.service.case import commands as s
from tests.support.machine import CLAIMS, SOMETIMES, WHY_NO_CASE, CrmMachine

WAITING = ("waiting_on_customer", "waiting_on_third_party")
WAYS = {
    "new": ("assigned", *WAITING),
    "assigned": ("in_progress", *WAITING),
    "in_progress": WAITING,
    "waiting_on_customer": ("new", "assigned", "in_progress"),
    "waiting_on_third_party": ("new", "assigned", "in_progress"),
}
STATES = st.sampled_from([*WAYS, "resolved", "closed", "rejected", "duplicate", "nowhere"])
OPEN_STATES = st.sampled_from([*WAYS])
PAID = ("purchase", "return")


@dataclass
class Ticket:
    """What the model knows of a case."""

    state: str
    resolutions: int = 0
    reopened: int = 0
    responded: bool = False

    @property
    def open(self) -> bool:
        return self.state in WAYS


@dataclass
class Said:
    """What the model knows of an interaction."""

    kind: str
    amount: int | None
    score: int | None
    customer: UUID | None
    about: UUID | None
    channel: str = "shop"
    body: str = "Thank you."
    corrections: int = 0


def usd(amount: int | None) -> Money | None:
    return None if amount is None else Money(amount=Decimal(amount), currency="USD")


class CaseMachine(CrmMachine):
    """Cases and interactions in depth."""

    cases: Bundle[UUID] = Bundle("cases")
    interactions: Bundle[UUID] = Bundle("interactions")

    def __init__(self) -> None:
        super().__init__()
        self.tickets: dict[UUID, Ticket] = {}
        self.sent: dict[str, tuple[Any, ...]] = {}
        self.said: dict[UUID, Said] = {}

    @initialize(target=cases)
    def some_cases(self) -> Any:
        """One in each open state, so that short runs try the moves of all."""
        made = []
        for state in WAYS:
            command = s.OpenCase(kind="incident", state=state, imported=True)  # type: ignore[arg-type]
            id = self.act(command, True)
            assert id is not None
            self.tickets[id] = Ticket(state)
            made.append(id)
        return multiple(*made)

    @initialize(target=interactions)
    def some_interactions(self) -> Any:
        """A purchase and an answer, so that short runs correct and link them."""
        return multiple(
            self.record(5, "purchase", 5, None, None, None),
            self.record(6, "survey_answer", None, 5, None, None),
        )

    @rule(
        target=cases,
        state=STATES,
        imported=st.booleans(),
        priority=st.sampled_from([0, 1, 4, 4, 5]),
        customer=st.none() | CrmMachine.customers,
        external_id=CLAIMS,
    )
    def open_case(
        self, state: Any, imported: bool, priority: int, customer: UUID | None, external_id: str | None
    ) -> Any:
        allowed = state == "new" or (imported and state != "nowhere")
        allowed = allowed and 1 <= priority <= 4
        allowed = allowed and (customer is None or imported or self.parties[customer].into is None)
        command = s.OpenCase(
            kind="complaint", state=state, imported=imported, priority=priority, customer_id=customer
        )
        id = self.make(command, allowed, external_id)
        if id is None:
            return multiple()
        self.tickets[id] = Ticket(state)
        return id

    @rule(id=cases, owner=st.none() | CrmMachine.principals, imported=SOMETIMES)
    def assign(self, id: UUID, owner: UUID | None, imported: bool) -> None:
        ticket = self.tickets[id]
        owner_now = self.last(id, "owner_id")
        allowed = ticket.open or imported
        allowed = allowed and (owner is None or imported or owner == owner_now or self.active[owner])
        command = s.AssignCase(id=id, owner_id=owner, queue="first line", imported=imported)
        if self.act(command, allowed) and ticket.state == "new" and not imported:
            ticket.state = "assigned"

    @rule(id=cases, to_state=OPEN_STATES, imported=SOMETIMES)
    def move_case(self, id: UUID, to_state: Any, imported: bool) -> None:
        ticket = self.tickets[id]
        ways = WAYS.get(ticket.state, ())
        allowed = ticket.open and (to_state == ticket.state or imported or to_state in ways)
        if self.act(s.MoveCase(id=id, to_state=to_state, imported=imported), allowed):
            ticket.state = to_state

    @rule(id=cases, priority=st.integers(0, 5), level=st.sampled_from([-1, 0, 3, 9, 10]))
    def urge(self, id: UUID, priority: int, level: int) -> None:
        still = self.tickets[id].open
        self.act(s.ChangeCasePriority(id=id, priority=priority), still and 1 <= priority <= 4)
        self.act(s.EscalateCase(id=id, level=level), still and 0 <= level <= 9)

    @rule(id=cases, cause=st.sampled_from(["wear", "misuse"]), sector=st.sampled_from("ab"), leaves=SOMETIMES)
    def change_details(self, id: UUID, cause: str, sector: str, leaves: bool) -> None:
        allowed = self.tickets[id].state not in ("rejected", "duplicate")
        removed = ("category",) if leaves else ()
        command = s.ChangeCaseDetails(id=id, cause=cause, attributes={"sector": sector}, remove=removed)
        self.act(command, allowed)

    @rule(id=cases, by=st.none() | interactions)
    def respond(self, id: UUID, by: UUID | None) -> None:
        ticket = self.tickets[id]
        if self.act(s.RespondToCase(id=id, interaction_id=by), ticket.open or ticket.responded):
            ticket.responded = True

    @rule(id=cases, imported=st.booleans(), verdict=st.sampled_from([None, None, True]))
    def end(self, id: UUID, imported: bool, verdict: bool | None) -> None:
        """Resolves what is open, then closes it, or leaps there."""
        ticket = self.tickets[id]
        if not imported and self.act(s.ResolveCase(id=id, code="c1", cause="wear"), ticket.open):
            ticket.state, ticket.resolutions = "resolved", ticket.resolutions + 1
        allowed = (ticket.state == "resolved" or (imported and ticket.open)) and (imported or verdict is None)
        if self.act(s.CloseCase(id=id, imported=imported, reported_sla=verdict), allowed):
            ticket.state = "closed"

    @rule(id=cases)
    def resolve(self, id: UUID) -> None:
        ticket = self.tickets[id]
        if self.act(s.ResolveCase(id=id, note="Done."), ticket.open):
            ticket.state, ticket.resolutions = "resolved", ticket.resolutions + 1

    @rule(id=cases, to_state=STATES)
    def reopen_case(self, id: UUID, to_state: Any) -> None:
        ticket = self.tickets[id]
        allowed = ticket.state in ("resolved", "closed") and to_state in WAYS
        if self.act(s.ReopenCase(id=id, to_state=to_state), allowed):
            ticket.state, ticket.reopened = to_state, ticket.reopened + 1

    @rule(
        id=cases,
        reason=st.sampled_from([None, "spam", "other", "not-ours"]),
        note=st.sampled_from([None, "", "They rang."]),
        really=SOMETIMES,
    )
    def reject(self, id: UUID, reason: str | None, note: str | None, really: bool) -> None:
        ticket = self.tickets[id]
        allowed = ticket.open and reason in (None, *WHY_NO_CASE) and note != ""
        allowed = allowed and (reason != "other" or note is not None)
        if really and self.act(s.RejectCase(id=id, reason=reason, note=note), allowed):
            ticket.state = "rejected"

    @rule(id=cases, of=cases, really=SOMETIMES)
    def duplicate(self, id: UUID, of: UUID, really: bool) -> None:
        ticket = self.tickets[id]
        allowed = ticket.open and id != of and self.tickets[of].state != "duplicate"
        if really and self.act(s.MarkDuplicate(id=id, of=of), allowed):
            ticket.state = "duplicate"

    @rule(id=cases, customer=CrmMachine.customers)
    def link_case(self, id: UUID, customer: UUID) -> None:
        allowed = customer == self.last(id, "customer_id") or self.parties[customer].into is None
        self.act(s.LinkCase(id=id, customer_id=customer), allowed)

    @rule(
        target=interactions,
        number=st.integers(0, 4),
        kind=st.sampled_from(["purchase", "return", "call", "survey_answer", "survey_answer"]),
        amount=st.sampled_from([None, None, 0, 5, -1]),
        score=st.sampled_from([None, None, 0, 5]),
        customer=st.none() | CrmMachine.customers,
        about=st.none() | cases,
    )
    def record(
        self, number: int, kind: Any, amount: int | None, score: int | None, customer: Any, about: Any
    ) -> Any:
        reference = Reference(source="shop", external_id=str(number))
        content = (kind, amount, score, customer, about)
        before = self.sent.get(str(number))
        good = (amount is None or (kind in PAID and amount >= 0)) and (
            (score is None) == (kind != "survey_answer") and score != 0
        )
        fresh = customer is None or self.parties[customer].into is None
        command = i.RecordInteraction(
            kind=kind,
            direction="inbound",
            channel="shop",
            reference=reference,
            amount=usd(amount),
            survey=None if score is None else Survey(question="csat", score=score),
            customer_id=customer,
            case_id=about,
            body="Thank you.",
        )
        events = len(self.desk.crm.stored)
        id = self.act(command, good and (content == before or (before is None and fresh)))
        if id is None or before is not None:
            assert len(self.desk.crm.stored) == events
            return multiple()
        self.sent[str(number)], self.said[id] = content, Said(*content)
        return id

    @rule(
        id=interactions,
        amount=st.sampled_from([None, None, 0, 7, -1]),
        score=st.sampled_from([None, None, 1, 6]),
        channel=st.sampled_from(["web", "phone"]),
    )
    def correct(self, id: UUID, amount: int | None, score: int | None, channel: str) -> None:
        said = self.said[id]
        allowed = amount is None or (said.kind in PAID and amount >= 0)
        allowed = allowed and (score is None or (said.kind == "survey_answer" and score <= 5))
        command = i.CorrectInteraction(
            id=id,
            amount=usd(amount),
            score=score,
            channel=channel,
            body="Thanks.",
            reason="A slip.",
        )
        if self.act(command, allowed):
            before = astuple(said)
            said.amount = said.amount if amount is None else amount
            said.score = said.score if score is None else score
            said.channel, said.body = channel, "Thanks."
            said.corrections += astuple(said) != before

    @rule(id=interactions, customer=st.none() | CrmMachine.customers, about=st.none() | cases)
    def link_interaction(self, id: UUID, customer: UUID | None, about: UUID | None) -> None:
        known = customer is None or customer == self.said[id].customer
        allowed = bool(customer or about) and (known or self.parties[customer or id].into is None)
        command = i.LinkInteraction(id=id, customer_id=customer, case_id=about)
        if self.act(command, allowed):
            said = self.said[id]
            said.customer, said.about = customer or said.customer, about or said.about
