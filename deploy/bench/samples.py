"""Events as the store holds them, made for measuring: real types, real encoding, the same in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from uuid import UUID

from commands.store.mapper import EventMapper, StoredCrmEvent
from domain.activities.interaction import INTERACTION
from domain.activities.interaction import events as interaction
from domain.customers.customer import CUSTOMER
from domain.customers.customer import events as customer
from domain.events.catalogue import CATALOGUE
from domain.events.event import SYSTEM, Event
from domain.events.private import PrivateCipher, PrivateParts
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.opportunity.events import Opened, StageChanged, Won
from domain.service.case import CASE
from domain.service.case import events as case

BEGIN: Final = datetime(2020, 1, 1, tzinfo=UTC)
CUSTOMERS: Final = 2000


class NoSecrets:
    """A cipher for events without private values: those made here have none."""

    def encrypt(self, event: Event, parts: PrivateParts) -> dict[str, Any]:
        raise TypeError(f"{event.id} has {len(parts.persons)} persons' values, and there is no key")

    def decrypt(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:
        raise TypeError(f"{event_id} has private {', '.join(private)}, and there is no key")


def stored_events(count: int, seed: int) -> list[StoredCrmEvent]:
    """`count` encoded events of opportunities that are opened, moved and won, about 770 bytes each.

    Another `seed` gives other ids. Every aggregate's events stand in their order.
    """
    mapper = EventMapper(CATALOGUE, NoSecrets())
    return [mapper.to_stored_event(event) for event in islice(_events(seed), count)]


def parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """`items` in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


PERSON_FAMILIES: Final = (INTERACTION.family, CASE.family, CUSTOMER.family)
"""The families of `people_events`."""


def people_events(count: int, seed: int, cipher: PrivateCipher) -> list[StoredCrmEvent]:
    """`count` encoded events of persons with private names, their purchases and mails with private texts, and
    their cases; eleven for each person, about 900 bytes each."""
    mapper = EventMapper(CATALOGUE, cipher)
    return [mapper.to_stored_event(event) for event in islice(people(seed), count)]


def people(seed: int) -> Iterator[Event]:
    """The events of `people_events`, without an end, not encoded."""
    chance = random.Random(seed)  # noqa: S311 - the same ids in every run are what is wanted
    moment = BEGIN
    while True:
        person = _uuid(chance)
        moment += timedelta(minutes=7)
        born = customer.Registered(
            kind="person", name=f"Person {person.hex[:12]}", attributes={}, original={}
        )
        yield _event(person, 1, person, moment, born)
        for number in range(6):
            moment += timedelta(minutes=1)
            yield _event(_uuid(chance), 1, person, moment, _contact(chance, person, number))
        complaint = _uuid(chance)
        story: tuple[Any, ...] = (
            case.Opened(
                kind="complaint", state="new", priority=1 + number % 4, customer_id=person, queue="shop",
                product="GTX Pro", subject="Arrived broken", imported=False, attributes={},
            ),
            case.Assigned(queue="desk", previous_queue="shop", from_state="new", to_state="assigned"),
            case.Resolved(from_state="assigned", code="replaced", cause="transport"),
            case.CaseClosed(from_state="resolved", code="done"),
        )  # fmt: skip
        for version, payload in enumerate(story, start=1):
            moment += timedelta(minutes=1)
            yield _event(complaint, version, person, moment, payload)


def _contact(chance: random.Random, person: UUID, number: int) -> interaction.Recorded:
    """A purchase, or a mail with a private subject."""
    mail = number % 3 == 2
    return interaction.Recorded(
        kind="email" if mail else "purchase",
        direction="inbound",
        channel="email" if mail else "shop",
        customer_id=person,
        amount=None if mail else Money(amount=Decimal(chance.randrange(5, 300)), currency="USD"),
        subject="Where is my order?" if mail else None,
        reference=Reference(source="bench", external_id=f"{chance.getrandbits(64):016x}"),
        source_digest=f"{chance.getrandbits(256):064x}",
        imported=False,
    )


def _event(id: UUID, version: int, party: UUID, moment: datetime, payload: Any) -> Event:
    return Event(
        originator_id=id, originator_version=version, party=party, time=moment, recorded=moment,
        correlation=id, cause=None, actor=SYSTEM, payload=payload,
    )  # fmt: skip


def _events(seed: int) -> Iterator[Event]:
    chance = random.Random(seed)  # noqa: S311 - the same ids in every run are what is wanted
    customers = [_uuid(chance) for _ in range(CUSTOMERS)]
    owners = [_uuid(chance) for _ in range(50)]
    opened = BEGIN
    while True:
        opened += timedelta(minutes=5)
        buyer = chance.choice(customers)
        amount = Money(amount=Decimal(chance.randrange(50, 30_000)), currency="USD")
        payloads = (
            Opened(
                pipeline="sales",
                stage="prospecting",
                probability=10,
                customer_id=buyer,
                owner_id=chance.choice(owners),
                product_id=chance.choice(owners),
                amount=amount,
                forecast_category="pipeline",
                imported=True,
                skipped=(),
                original={},
                references=(Reference(source="bench", external_id=f"{chance.getrandbits(64):016x}"),),
            ),
            StageChanged(
                from_stage="prospecting",
                to_stage="proposal",
                probability=50,
                direction="forward",
                skipped=("qualification",),
            ),
            Won(from_stage="proposal", to_stage="won", amount=amount, skipped=("negotiation",)),
        )
        id = _uuid(chance)
        for version, payload in enumerate(payloads, start=1):
            yield _event(id, version, buyer, opened + timedelta(days=version), payload)


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)
