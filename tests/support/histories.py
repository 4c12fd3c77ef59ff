"""Histories of every family as stored events, made from steps that hypothesis can shrink.

A step is three small numbers: whom it concerns, what is tried, and a value. Each is turned into an event that
the lifecycle allows at that point, so any list of steps is a legal history. Customers and opportunities stand
here, the other families in `service_histories.py`. Event types of customers' records that no step makes are
added with their examples, so a new record type or event is tried without a step of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from commands.store.event_reader import StoredRow
from domain.customers.customer import events as customer
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import encode
from domain.events.event import SYSTEM, Event
from domain.events.registry import EventType
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.record_types import BUSINESS, BY_FAMILY
from domain.sales.opportunity import events as opportunity
from projections.record_families import customer_families
from projections.runtime.decode import Decoder
from tests.support import service_histories
from tests.support.memory import OpenCipher
from tests.support.payloads import example

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
OPEN: Final = ("prospecting", "qualification", "proposal", "negotiation")
PROBABILITY: Final = dict(zip(OPEN, (10, 20, 50, 80), strict=True))

Step = tuple[int, int, int]


def dense_steps(seed: int, length: int, whom: int) -> list[Step]:
    """Steps that concern six aggregates of the first `whom` alone, so that each of them has a long life; two
    of them are customers, so that some of the others belong to their parties."""
    draw = random.Random(seed)
    few = [*draw.sample(range(4), 2), *draw.sample(range(4, whom), 4)]
    return [(draw.choice(few), draw.randrange(16), draw.randrange(10)) for _ in range(length)]


SEEDS: Final = st.integers(0, 1 << 30)
STEPS: Final = st.one_of(
    st.lists(st.tuples(st.integers(0, 35), st.integers(0, 15), st.integers(0, 9)), min_size=1, max_size=60),
    st.builds(dense_steps, SEEDS, st.integers(20, 80), st.just(36)),
)
SALES_STEPS: Final = st.builds(dense_steps, SEEDS, st.integers(1, 100), st.just(12))
"""Customers and opportunities alone."""


class HistoryCipher(OpenCipher):
    """Encodes instead of encrypting; nothing has to be fetched."""

    def load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        """Nothing to fetch: there are no keys."""


CIPHER: Final = HistoryCipher()


def opened(event: dict[str, Any]) -> dict[str, Any]:
    """The event with private values opened, as a fold that needs them sees it."""
    Decoder(CATALOGUE, CIPHER).open([event])
    return event


@dataclass
class Life:
    """What the maker of a history must know of one aggregate to stay within its lifecycle."""

    id: UUID
    party: UUID
    time: datetime
    recorded: datetime
    version: int = 0
    stage: str = OPEN[0]
    last_open: str = OPEN[0]
    outcome: str = "open"
    amount: Money | None = None
    customer_id: UUID | None = None
    merged_into: Life | None = None
    erased: bool = False
    family: str = ""
    points: list[UUID] = field(default_factory=list)


@dataclass
class History:
    """Makes events step by step; `rows` is the store, `events` the same as objects."""

    seed: int = 0
    customers: dict[int, Life] = field(default_factory=dict)
    opportunities: dict[int, Life] = field(default_factory=dict)
    others: dict[int, Life] = field(default_factory=dict)
    further: tuple[EventType, ...] = field(default_factory=lambda: further_types())
    rows: list[StoredRow] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    now: datetime = START
    position: int = 0

    def step(self, step: Step, spread: int = 4) -> None:
        """One more event, or two for a merge, or none on a person who was erased.

        Of `spread` customers, twice as many opportunities, as many contacts and leads, twice as many cases
        and interactions, in this order of `who`.
        """
        who, what, value = step
        self.now += timedelta(minutes=value * 7)
        if self.further and (who + what + value) % 4 == 0:
            further_step(self, self.further[(what + value) % len(self.further)], who)
        number = who % (9 * spread)
        if number < spread:
            self._customer(number, what, value)
        elif number < 3 * spread:
            self._opportunity(number - spread, what, value, spread)
        elif number < 4 * spread:
            service_histories.contact_step(self, number, what, value, spread)
        elif number < 5 * spread:
            service_histories.lead_step(self, number, what, value, spread)
        elif number < 7 * spread:
            service_histories.case_step(self, number, what, value, spread)
        else:
            service_histories.interaction_step(self, number, what, value, spread)

    def _customer(self, number: int, what: int, value: int) -> None:
        life = self.customers.get(number)
        if life is None:
            id = UUID(int=(self.seed << 64) + (1 << 32) + number)
            life = self.customers[number] = Life(id, id, self.now, self.now)
            person = what == 15
            self.add(
                life,
                customer.Registered(
                    kind="person" if person else "organisation",
                    organisation_name=None if person else f"Firm {number}",
                    name=f"Ada O'Neil-{number}" if person else None,
                    attributes={"sector": "sales"},
                    original={},
                    references=(Reference(source="crm", external_id=str(number)),),
                    tags=("new",),
                    preferences={"language": "en"},
                ),
            )
        elif life.erased:
            return
        elif service_histories.is_erased(what, value):
            life.erased = True
            self.add(life, customer.Erased(erasure=UUID(int=1)))
        elif life.merged_into is not None:
            before, life.merged_into = life.merged_into, None
            self.add(life, customer.Unmerged(survivor_id=before.id))
            self.add(before, customer.Released(merged_id=life.id))
        elif what % 3 == 0 and (survivor := self._survivor(number + value, life)) is not None:
            life.merged_into = survivor
            self.add(life, customer.MergedInto(survivor_id=survivor.id))
            self.add(survivor, customer.Absorbed(merged_id=life.id))
        elif what % 3 == 1:
            self.add(life, service_histories.profile(value))
        elif what == 5:
            known = Reference(source="shop", external_id=f"{number}.{life.version}")
            self.add(life, customer.ReferenceAdded(reference=known))
        else:
            self.add(life, customer.OwnerAssigned(owner_id=UUID(int=900 + value)))

    def _survivor(self, number: int, loser: Life) -> Life | None:
        life = self.customers.get(number % 4)
        free = life is not None and life is not loser and life.merged_into is None and not life.erased
        return life if free else None

    def _opportunity(self, number: int, what: int, value: int, spread: int) -> None:
        life = self.opportunities.get(number)
        if life is None:
            id = UUID(int=(self.seed << 64) + (2 << 32) + number)
            buyer = self.customers.get(what % spread)
            party = buyer.id if buyer else id
            life = self.opportunities[number] = Life(id, party, self.now, self.now)
            life.customer_id = buyer.id if buyer else None
            life.amount = None if value == 0 else usd(value * 100)
            life.stage = life.last_open = OPEN[value % 4]
            self.add(
                life,
                opportunity.Opened(
                    pipeline=("sales", "small")[number % 2], stage=life.stage,
                    probability=PROBABILITY[life.stage], customer_id=life.customer_id,
                    owner_id=UUID(int=900 + value % 3), amount=life.amount,
                    expected_close=date(2026, 3, 1 + value), forecast_category="pipeline",
                    imported=value % 2 == 0, skipped=(), original={}, references=(),
                ),
            )  # fmt: skip
            return
        moves = self._open_moves(life, value) if life.outcome == "open" else self._closed_moves(life, value)
        moves[what % len(moves)]()

    def _open_moves(self, life: Life, value: int) -> list[Callable[[], None]]:
        return [
            lambda: self._move(life, OPEN[value % 4]),
            lambda: self._close(life, "won", usd(value * 50) if value % 2 else None),
            lambda: self._close(life, "lost", usd(0) if value % 2 else None),
            *self._closed_moves(life, value)[1:],
        ]

    def _closed_moves(self, life: Life, value: int) -> list[Callable[[], None]]:
        return [
            lambda: self._reopen(life),
            lambda: self._amount(life, usd(value * 10, "EUR", Decimal("1.1"))),
            lambda: self._link(life, value),
            lambda: self.add(life, opportunity.OwnerAssigned(owner_id=UUID(int=900 + value % 3))),
            lambda: self.add(life, opportunity.TeamChanged(member_ids=(UUID(int=910 + value), UUID(int=7)))),
            lambda: self.add(life, opportunity.ProductsChanged(items=(item(value),))),
            lambda: self.add(life, opportunity.CloseDateChanged(new=date(2026, 5, 1 + value))),
            lambda: self.add(
                life,
                opportunity.ForecastCategoryChanged(old="pipeline", new=("commit", "omitted")[value % 2]),
            ),
            lambda: self.add(
                life, opportunity.ProbabilityOverridden(stage=life.stage, old=10, new=value * 11)
            ),
        ]

    def _move(self, life: Life, stage: str) -> None:
        payload = opportunity.StageChanged(
            from_stage=life.stage,
            to_stage=stage,
            probability=PROBABILITY[stage],
            direction="forward",
            skipped=(),
        )
        life.stage = life.last_open = stage
        self.add(life, payload)

    def _close(self, life: Life, outcome: str, amount: Money | None) -> None:
        come_from, life.stage, life.outcome = life.stage, outcome, outcome
        life.amount = amount or life.amount
        if outcome == "won":
            self.add(life, opportunity.Won(from_stage=come_from, to_stage="won", amount=amount, skipped=()))
        else:
            self.add(
                life,
                opportunity.Lost(
                    from_stage=come_from, to_stage="lost", reason="price", competitor="A\tB\\C\nD",
                    amount=amount, skipped=(),
                ),
            )  # fmt: skip

    def _reopen(self, life: Life) -> None:
        closed_as: Any = life.outcome
        come_from, life.stage, life.outcome = life.stage, life.last_open, "open"
        self.add(
            life,
            opportunity.Reopened(
                from_stage=come_from, to_stage=life.last_open, probability=PROBABILITY[life.last_open],
                closed_as=closed_as,
            ),
        )  # fmt: skip

    def _amount(self, life: Life, amount: Money) -> None:
        old, life.amount = life.amount, amount
        self.add(life, opportunity.AmountChanged(old=old, new=amount))

    def _link(self, life: Life, value: int) -> None:
        buyer = self.customers.get(value % 4)
        previous, life.customer_id = life.customer_id, buyer.id if buyer else UUID(int=800 + value)
        self.add(
            life,
            opportunity.CustomerLinked(customer_id=life.customer_id, previous_customer_id=previous),
        )

    def life(self, number: int, party: UUID | None) -> Life:
        """A new aggregate of the other families; its party is its own id where none is given."""
        id = UUID(int=(self.seed << 64) + (3 << 32) + number)
        life = self.others[number] = Life(id, party or id, self.now, self.now)
        return life

    def add(self, life: Life, payload: Any) -> None:
        """The next event of an aggregate."""
        life.version += 1
        life.time = max(life.time, self.now - timedelta(minutes=5))
        life.recorded = max(life.recorded, self.now)
        event = Event(
            originator_id=life.id, originator_version=life.version, party=life.party, time=life.time,
            recorded=life.recorded, correlation=UUID(int=1), cause=None, actor=SYSTEM, payload=payload,
        )  # fmt: skip
        # Every seventh position is burnt, as by a writer that was aborted.
        self.position += 2 if self.position % 7 == 6 else 1
        encoded = encode(event, CATALOGUE, CIPHER)
        name = CATALOGUE.of(payload).name
        life.family = life.family or name.split(".")[1]
        self.events.append(event)
        self.rows.append(StoredRow(self.position, life.id, life.version, name, life.party, encoded))


def usd(amount: int, currency: str = "USD", rate: Decimal | None = None) -> Money:
    """Money for tests."""
    return Money(amount=Decimal(amount), currency=currency, rate=rate)


def item(value: int) -> opportunity.LineItem:
    """A line item for tests."""
    return opportunity.LineItem(
        product_id=UUID(int=700 + value), quantity=Decimal(value), price=usd(5), discount=Decimal(0)
    )


def further_types() -> tuple[EventType, ...]:
    """The event types of customers' records that no step makes."""
    return tuple(
        kind
        for each in BUSINESS
        if each.family in customer_families()
        for kind in each.events
        if kind.name not in _made()
    )


@cache
def _made() -> frozenset[str]:
    """The names of the event types that steps make."""
    draw = random.Random(11)
    histories = [History(seed, further=()) for seed in range(3)]
    for history in histories:
        for _ in range(1_200):
            history.step((draw.randrange(72), draw.randrange(16), draw.randrange(10)), spread=8)
    return frozenset(row.type for history in histories for row in history.rows)


def further_step(history: History, kind: EventType, who: int) -> None:
    """An event of that type, with its example's values; its customer is one that there is."""
    record_type = BY_FAMILY[kind.family]
    lives = [*history.customers.values(), *history.opportunities.values(), *history.others.values()]
    free = [life for life in lives if life.family == kind.family and not life.erased]
    buyers = [life for life in history.customers.values() if not life.erased]
    payload = example(kind.payload)
    if record_type.customer is not None and hasattr(payload, record_type.customer):
        if not buyers:
            return
        payload = replace(payload, **{record_type.customer: buyers[who % len(buyers)].id})
    if kind == record_type.first_event:
        party = None if record_type.own_party or not record_type.customer else buyers[who % len(buyers)].id
        history.add(history.life(-1 - len(history.others), party), payload)
    elif free:
        life = free[who % len(free)]
        life.erased = kind == record_type.erased_event
        history.add(life, payload)


def history_of(steps: Iterable[Step], *, spread: int = 4, seed: int = 0) -> History:
    """The history of these steps."""
    history = History(seed)
    for step in steps:
        history.step(step, spread)
    return history


def long_history(steps: int, *, seed: int = 7, spread: int = 200, every_family: bool = False) -> History:
    """A history of so many random steps, the same for the same seed: of customers and opportunities, or of
    every family."""
    draw = random.Random(seed)
    return history_of(
        (
            (draw.randrange((9 if every_family else 3) * spread), draw.randrange(16), draw.randrange(10))
            for _ in range(steps)
        ),
        spread=spread,
        seed=seed,
    )
