"""Makes and checks seals, pure: from stored events and the seal before them it makes a signed seal."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of, topic_of
from domain.events.envelope import instant
from domain.events.merkle import root
from domain.events.seal import GENESIS, Seal, digests, key_id, leaf_hash, sign
from domain.kernel.user_errors import FailureFound

MAX_EVENTS: Final = 2_500
"""Most events of one seal: as many as one transaction publishes well."""
MAX_BYTES: Final = 16 * 1024 * 1024
"""Most bytes of one seal's events together."""


class ChangedAfterSealing(FailureFound):
    """The store no longer holds the events of a seal. Its text is for an operator."""

    def __init__(self, seal: Seal, found: str) -> None:
        super().__init__(
            f"The seal {seal.sequence} covers {seal.count} events at the positions {seal.first} to "
            f"{seal.last}, and the store now holds {found}: it was changed after it was sealed. Nothing more "
            "is published. Compare the store with a backup before anything else."
        )


def seal_range(
    rows: Sequence[StoredRow],
    previous: Seal | None,
    *,
    store: UUID,
    partitions: int,
    key: Ed25519PrivateKey,
    now: datetime,
) -> Seal:
    """Returns the seal of `rows`: all events behind `previous` up to the last of them, in order.

    `partitions` is the number of every family topic; `now` is the time of sealing. Raises `ValueError` if
    there are no rows, or they are out of order or not behind `previous`.
    """
    after = previous.last if previous else 0
    positions = [after, *(row.position for row in rows)]
    if not rows or any(low >= high for low, high in pairwise(positions)):
        raise ValueError(f"a seal needs events in order of position, behind {after}")
    leaves = [leaf_hash(row.position, row.event) for row in rows]
    seal = Seal(
        store=store,
        sequence=previous.sequence + 1 if previous else 1,
        first=after + 1,
        last=rows[-1].position,
        count=len(rows),
        root=root(leaves),
        partitions=digests(
            (topic_of(row.type), partition_of(row.party, partitions), leaf)
            for row, leaf in zip(rows, leaves, strict=True)
        ),
        previous=previous.hash if previous else GENESIS,
        sealed=instant(now),
        key=key_id(key.public_key()),
    )
    return dataclasses.replace(seal, record=sign(seal, key))


def check_range(rows: Sequence[StoredRow], seal: Seal) -> None:
    """Raises `ChangedAfterSealing` unless `rows` are what `seal` was made of."""
    if len(rows) != seal.count:
        raise ChangedAfterSealing(seal, f"{len(rows)} there")
    if root([leaf_hash(row.position, row.event) for row in rows]) != seal.root:
        raise ChangedAfterSealing(seal, "others there")
