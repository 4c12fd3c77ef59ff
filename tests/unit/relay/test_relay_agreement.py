"""Topics and store are of one mind, or the relay does not start and says which side is behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import StoredRow
from consumers.kafka.tail import Tail
from consumers.relay.agreement import Disagreement, StoreBehind, StoreSide, TopicSide, agree
from consumers.relay.seals import seal_range
from domain.events.seal import Seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(reversed(range(32))))
STORE, STRANGER = UUID(int=1), UUID(int=2)
PARTY = UUID(int=77)
TOPIC = "crm.customer.v1"


def seal(last: int, previous: Seal | None, key: Ed25519PrivateKey = KEY, store: UUID = STORE) -> Seal:
    """The seal of one customer's event at `last`."""
    row = StoredRow(last, UUID(int=last), 1, "crm.customer.registered", PARTY, b"{}")
    return seal_range(
        [row], previous, store=store, partitions=1, key=key, now=datetime(2026, 1, 1, tzinfo=UTC)
    )


FIRST = seal(10, None)
SECOND = seal(20, FIRST)
FORK = seal(20, seal(9, None))


def store(last: Seal | None, same: Seal | None = None, noted: int = 0) -> StoreSide:
    return StoreSide(id=STORE, last=last, same=same, noted=noted)


def topics(last: Seal | None, *ends: int | None, emptied: Sequence[str] = ()) -> TopicSide:
    tails = [Tail(TOPIC, number, 5, end, b"{}") for number, end in enumerate(ends)]
    return TopicSide(last=last, tails=tails, emptied=emptied)


@pytest.mark.parametrize(
    ("store_side", "topic_side"),
    [
        (store(None), topics(None)),
        (store(SECOND), topics(None)),  # sealed while the broker was away
        (store(SECOND, SECOND, noted=20), topics(SECOND, 20)),
        (store(SECOND, FIRST, noted=10), topics(FIRST, 10)),
        (store(SECOND, FIRST), topics(FIRST, 10)),  # died before it noted what it published
        (store(SECOND, SECOND), topics(SECOND, 20, None, 3)),  # a stranger's record is the readers' to find
        (store(SECOND, SECOND), topics(SECOND, None)),
    ],
)
def test_the_relay_goes_on(store_side: StoreSide, topic_side: TopicSide) -> None:
    agree(store_side, topic_side, KEY.public_key())


@pytest.mark.parametrize(
    ("store_side", "topic_side", "sentence"),
    [
        (
            store(SECOND, noted=20),
            topics(None),
            "The topics are behind: crm.seal.v1 ends at position 0, and 20",
        ),
        (store(SECOND, FIRST, noted=20), topics(FIRST, 10), "crm.seal.v1 ends at position 10, and 20 was"),
        (store(None), topics(FIRST, 10), "The store is behind: it has no seal, and the topics go up to the"),
        (store(FIRST), topics(SECOND, 20), "The store is behind: it ends with the seal 1, and .* seal 2 at"),
        (store(SECOND, SECOND), topics(FORK, 20), "have different seals number 2: their histories parted"),
        (
            store(SECOND),
            topics(None, 20),
            "The seals are behind: crm.customer.v1, partition 0, holds the event",
        ),
        (store(SECOND, FIRST), topics(FIRST, 20), "The seals are behind: .* at position 20, .* ends at 10"),
        (store(SECOND, SECOND), topics(SECOND), "partition 0, ends at position 0, and the seal 2 says"),
        (store(SECOND, SECOND), topics(SECOND, 10), "partition 0, ends at position 10, and the seal 2 says"),
        (store(SECOND, SECOND), topics(SECOND, 20, emptied=["crm.lead.v1"]), "crm.lead.v1 is missing or"),
        (store(SECOND, SECOND), topics(seal(10, None, store=STRANGER), 10), "the events of another store"),
        (
            store(SECOND, SECOND),
            topics(seal(10, None, key=OTHER), 10),
            "is not signed with this installation",
        ),
    ],
)
def test_the_relay_refuses(store_side: StoreSide, topic_side: TopicSide, sentence: str) -> None:
    with pytest.raises(Disagreement, match=sentence):
        agree(store_side, topic_side, KEY.public_key())


@pytest.mark.parametrize("last", [None, FIRST])
def test_a_store_restored_from_an_older_state_is_named_apart(last: Seal | None) -> None:
    with pytest.raises(StoreBehind, match="run `rapport store recover`"):
        agree(store(last), topics(SECOND, 20), KEY.public_key())


def test_a_seal_whose_signature_was_cut_off_is_refused() -> None:
    forged = replace(SECOND, record=SECOND.record[:-10] + b"0" * 8 + SECOND.record[-2:])
    with pytest.raises(Disagreement, match="is not signed"):
        agree(store(SECOND, SECOND), topics(forged, 20), KEY.public_key())
