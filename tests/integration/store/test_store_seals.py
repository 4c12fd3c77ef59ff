"""Seals: each behind the one before, one of two winning, kept byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.seals import SealConflict, Seals
from domain.events.seal import GENESIS, Digest, Seal, key_id, parse, sign
from domain.kernel.errors import Undecodable
from tests.support.database import Urls, migrated
from tests.support.store import execute

KEY = Ed25519PrivateKey.from_private_bytes(b"s" * 32)


def record(sequence: int, first: int, last: int, previous: bytes) -> bytes:
    """A seal of `last - first + 1` events, whose digests are made up."""
    seal = Seal(
        store=UUID(int=7), sequence=sequence, first=first, last=last, count=last - first + 1,
        root=b"r" * 32, partitions={"crm.test.v1": {0: Digest(last - first + 1, 5)}}, previous=previous,
        sealed="2026-03-01T00:00:00.000000Z", key=key_id(KEY.public_key()),
    )  # fmt: skip
    return sign(seal, KEY)


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@pytest.fixture
def seals(urls: Urls) -> Iterator[Seals]:
    seals = Seals(urls.relay)
    yield seals
    seals.close()


def test_a_chain_grows_and_is_read_again(seals: Seals) -> None:
    """Given three seals, each behind the one before, when they are read, then the bytes are the same, by
    number, by position, from a number on."""
    assert seals.last() is None
    records, previous = [], GENESIS
    for number in (1, 2, 3):
        records.append(record(number, number * 10 - 9, number * 10, previous))
        previous = seals.append(records[-1]).hash
    last = seals.last()
    assert last is not None
    assert last.record == records[-1]
    assert [seal.record for seal in seals.since(0)] == records
    assert [seal.record for seal in seals.since(1, limit=1)] == records[1:2]
    assert seals.by_last(20) == seals.by_sequence(2) == parse(records[1])
    assert seals.by_last(19) is seals.by_sequence(4) is None


@pytest.mark.parametrize(
    ("sequence", "first", "previous"),
    [(1, 1, None), (2, 11, GENESIS), (3, 11, None), (2, 12, None), (2, 10, None)],
    ids=["the-same-again", "another-previous", "a-number-left-out", "a-hole", "an-overlap"],
)
def test_what_does_not_follow_is_refused(
    seals: Seals, sequence: int, first: int, previous: bytes | None
) -> None:
    """Given a first seal, when one comes that does not follow it exactly, then it is refused and the chain
    stays as it is."""
    head = seals.append(record(1, 1, 10, GENESIS))
    with pytest.raises(SealConflict, match="another relay has sealed"):
        seals.append(record(sequence, first, 20, head.hash if previous is None else previous))
    assert seals.since(0) == [head]


def test_of_two_relays_one_seals(urls: Urls) -> None:
    """Given several relays that seal behind the same seal at once, when all are done, then one seal is there
    and the others got an error."""

    def seal(last: int) -> bool:
        own = Seals(urls.relay)
        try:
            own.append(record(1, 1, last, GENESIS))
        except SealConflict:
            return False
        finally:
            own.close()
        return True

    with ThreadPoolExecutor(6) as threads:
        won = list(threads.map(seal, range(10, 22)))
    assert won.count(True) == 1
    assert execute(urls.admin, "SELECT last FROM store.seal") == [(10 + won.index(True),)]


def test_bytes_that_are_no_seal_are_refused(seals: Seals) -> None:
    """Given bytes in another form, when they are to be appended, then that is refused."""
    with pytest.raises(Undecodable):
        seals.append(b'{"format":"other"}')
    assert seals.last() is None
