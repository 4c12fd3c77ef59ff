"""Events as the store holds them, made for measuring: real types, real encoding, the same in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from uuid import UUID

from commands.store.mapper import EventMapper, StoredCrmEvent
from domain.events.catalogue import CATALOGUE
from domain.events.event import SYSTEM, Event
from domain.events.private import PrivateParts
from domain.money import Money
from domain.opportunity import Opened, StageChanged, Won
from domain.values import Reference

BEGIN: Final = datetime(2020, 1, 1, tzinfo=UTC)
CUSTOMERS: Final = 2000


class NoSecrets:
    """A cipher for events without private values: those made here have none."""

    def close(self, event: Event, parts: PrivateParts) -> dict[str, Any]:
        raise TypeError(f"{event.id} has {len(parts.persons)} persons' values, and there is no key")

    def open(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:
        raise TypeError(f"{event_id} has private {', '.join(private)}, and there is no key")


def stored_events(count: int, seed: int) -> list[StoredCrmEvent]:
    """`count` encoded events of opportunities that are opened, moved and won, about 770 bytes each.

    Another `seed` gives other ids. Every aggregate's events stand in their order.
    """
    mapper = EventMapper(CATALOGUE, NoSecrets())
    return [mapper.to_stored_event(event) for event in islice(_events(seed), count)]


def _events(seed: int) -> Iterator[Event]:
    chance = random.Random(seed)  # noqa: S311 - the same ids in every run are what is wanted
    customers = [_uuid(chance) for _ in range(CUSTOMERS)]
    owners = [_uuid(chance) for _ in range(50)]
    opened = BEGIN
    while True:
        opened += timedelta(minutes=5)
        customer = chance.choice(customers)
        amount = Money(amount=Decimal(chance.randrange(50, 30_000)), currency="USD")
        payloads = (
            Opened(
                pipeline="sales",
                stage="prospecting",
                probability=10,
                customer_id=customer,
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
        id, correlation = _uuid(chance), _uuid(chance)
        for version, payload in enumerate(payloads, start=1):
            yield Event(
                originator_id=id,
                originator_version=version,
                party=customer,
                time=opened + timedelta(days=version),
                recorded=opened + timedelta(days=version),
                correlation=correlation,
                cause=None,
                actor=SYSTEM,
                payload=payload,
            )


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)
