"""A seal is made of a range and the seal before it, and nothing else; what it says can be checked alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from consumers.relay.seals import ChangedAfterSealing, check_range, seal_range
from domain.events.seal import GENESIS, Seal, parse, signed_by
from tests.support.seals import leaf, tree_head

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STORE = UUID("5f0c3a52-0000-4000-8000-000000000001")
NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
PARTIES = [UUID(int=number) for number in range(5)]


def rows(positions: Sequence[int]) -> list[StoredRow]:
    """Events at these positions, of two families and five parties."""
    return [
        StoredRow(
            position,
            UUID(int=1000 + position),
            1,
            f"crm.{'customer' if position % 3 else 'opportunity'}.registered",
            PARTIES[position % 5],
            f'{{"at":{position}}}'.encode(),
        )
        for position in positions
    ]


def sealed(positions: Sequence[int], previous: Seal | None = None) -> Seal:
    """The seal of the events at these positions."""
    return seal_range(rows(positions), previous, store=STORE, partitions=6, key=KEY, now=NOW)


def test_a_seal_says_what_an_independent_reader_computes() -> None:
    """Gaps between positions, burnt by aborted transactions, are normal."""
    positions = [1, 2, 5, 9, 10]
    record = orjson.loads(sealed(positions).record)
    leaves = [leaf(row.position, row.event) for row in rows(positions)]
    sums: dict[str, dict[str, list[int]]] = {}
    for row, hashed in zip(rows(positions), leaves, strict=True):
        topic = "crm.customer.v1" if row.position % 3 else "crm.opportunity.v1"
        entry = sums.setdefault(topic, {}).setdefault(str(partition_of(row.party, 6)), [0, 0])
        entry[0] += 1
        entry[1] = (entry[1] + int.from_bytes(hashed, "big")) % 2**256
    assert record["root"] == tree_head(leaves).hex()
    assert (record["from"], record["to"], record["count"], record["sequence"]) == (1, 10, 5, 1)
    assert record["previous"] == GENESIS.hex()
    assert record["sealed"] == "2026-01-02T03:04:05.000006Z"
    assert {
        topic: {number: [count, int(total, 16)] for number, (count, total) in parts.items()}
        for topic, parts in record["partitions"].items()
    } == sums


def test_the_next_seal_names_the_one_before_by_its_hash() -> None:
    first = sealed([1, 2])
    second = sealed([4, 5], first)
    assert (second.sequence, second.first, second.last) == (2, 3, 5)
    assert second.previous == hashlib.sha256(first.record).digest()


def test_a_seals_record_is_signed_and_reads_back() -> None:
    seal = sealed([1, 2])
    assert parse(seal.record) == seal
    assert signed_by(seal.record, KEY.public_key())
    assert not signed_by(seal.record.replace(b'"count":2', b'"count":3'), KEY.public_key())


@pytest.mark.parametrize("positions", [[], [2, 1], [1, 1], [0]])
def test_rows_that_are_no_range_are_refused(positions: list[int]) -> None:
    with pytest.raises(ValueError, match="in order"):
        sealed(positions)


def test_rows_that_the_seal_before_covers_are_refused() -> None:
    with pytest.raises(ValueError, match="behind 2"):
        sealed([2, 3], sealed([1, 2]))


def test_a_range_is_checked_against_its_seal_before_it_is_published() -> None:
    """Else an event changed in between would be published, and every reader would stop at it."""
    seal = sealed([1, 2, 3])
    check_range(rows([1, 2, 3]), seal)
    with pytest.raises(ChangedAfterSealing, match=r"covers 3 events .* now holds 2 there"):
        check_range(rows([1, 3]), seal)
    changed = [row._replace(event=b"{}") if row.position == 2 else row for row in rows([1, 2, 3])]
    with pytest.raises(ChangedAfterSealing, match="changed after it was sealed"):
        check_range(changed, seal)
