"""The oracle of the relay's tests finds each damage; one that finds nothing would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import StoredRow
from consumers.kafka.producer import recorded_ms
from consumers.kafka.topics import place, topic_of
from consumers.relay.seals import seal_range
from domain.events.seal import Seal
from tests.support.kafka import SEALS, Record
from tests.support.relaying import sample_event
from tests.support.seals import check_topics

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
AGGREGATE, PARTY = UUID(int=7), UUID(int=11)
HEADERS = {"content-type": b"application/cloudevents+json"}
Records = list[Record]


def rows() -> list[StoredRow]:
    """Five versions of one customer, two of them behind a burnt position."""
    return [
        StoredRow(
            position,
            AGGREGATE,
            version,
            "crm.customer.registered",
            PARTY,
            sample_event(AGGREGATE, version, PARTY, "customer"),
        )
        for version, position in enumerate((1, 2, 3, 5, 6), start=1)
    ]


def published() -> Records:
    """What a plain reader finds: the events, then the seals of the first three and of the rest."""
    events, previous = rows(), None
    seals: list[Seal] = []
    for part in (events[:3], events[3:]):
        previous = seal_range(
            part, previous, store=UUID(int=5), partitions=6, key=KEY, now=datetime(2026, 1, 2, tzinfo=UTC)
        )
        seals.append(previous)
    key, partition = place(PARTY, 6)
    return [
        Record(
            topic_of(row.type),
            partition,
            offset,
            key,
            row.event,
            recorded_ms(row.event),
            {"position": row.position.to_bytes(8, "big"), **HEADERS},
        )
        for offset, row in enumerate(events)
    ] + [Record(SEALS, 0, offset, b"seal", seal.record, 0, {}) for offset, seal in enumerate(seals)]


def seen(records: Records) -> int:
    """What the oracle says of these records: the number of seals."""
    return check_topics(records, [(row.position, row.event) for row in rows()], KEY.public_key())


def test_what_is_whole_and_true_passes() -> None:
    assert seen(published()) == 2


def changed(index: int, **fields: Any) -> Callable[[Records], Records]:
    """One record with other fields."""

    def damage(records: Records) -> Records:
        return [*records[:index], records[index]._replace(**fields), *records[index + 1 :]]

    return damage


def swapped(records: Records) -> Records:
    """The first two events in the other order."""
    return [records[1], records[0], *records[2:]]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda records: records[1:], id="the first event is missing"),
        pytest.param(lambda records: [*records[:4], *records[5:]], id="the last event is missing"),
        pytest.param(lambda records: [records[0], *records], id="an event is there twice"),
        pytest.param(swapped, id="two events are in another order"),
        pytest.param(changed(2, value=sample_event(AGGREGATE, 3, PARTY, "customer", 41)), id="other bytes"),
        pytest.param(changed(2, partition=(place(PARTY, 6)[1] + 1) % 6), id="another partition"),
        pytest.param(changed(2, key=str(AGGREGATE).encode()), id="another key"),
        pytest.param(changed(2, topic="crm.lead.v1"), id="another topic"),
        pytest.param(changed(2, timestamp=1), id="another timestamp"),
        pytest.param(changed(2, headers=HEADERS), id="no position"),
        pytest.param(changed(2, headers={"position": (3).to_bytes(8, "big")}), id="no content type"),
        pytest.param(lambda records: records[:6], id="the last seal is missing"),
        pytest.param(lambda records: [*records[:5], records[6]], id="the first seal is missing"),
        pytest.param(lambda records: [*records, records[6]], id="a seal is there twice"),
        pytest.param(changed(6, partition=1), id="a seal in another partition"),
    ],
)
def test_every_damage_is_found(damage: Callable[[Records], Records]) -> None:
    with pytest.raises(AssertionError):
        seen(damage(published()))


@pytest.mark.parametrize("member", [b'"count":2', b'"to":6', b'"sealed":"2026'])
def test_a_changed_seal_is_found(member: bytes) -> None:
    """Its signature covers every byte."""
    records = published()
    record = records[6].value
    assert member in record
    with pytest.raises(InvalidSignature):
        seen(changed(6, value=record.replace(member, member[:-1] + b"9"))(records))
