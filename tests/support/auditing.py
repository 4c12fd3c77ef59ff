"""Sealed events in memory, for what asks seals and needs no store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import StoredRow
from consumers.relay.seals import seal_range
from deploy.bench.samples import stored_events
from domain.events.seal import Seal
from tests.support.database import PARTITIONS

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def stored(count: int, *, step: int = 1, seed: int = 5) -> list[StoredRow]:
    """`count` events of opportunities, three to each, at every `step`th position from 1 on."""
    return [
        StoredRow(
            1 + number * step, UUID(str(event.originator_id)), event.originator_version, event.topic,
            event.party, bytes(event.state),
        )
        for number, event in enumerate(stored_events(count, seed))
    ]  # fmt: skip


def sealed(rows: Sequence[StoredRow], size: int, key: Ed25519PrivateKey = KEY) -> list[Seal]:
    """Seals of `size` events each."""
    made: list[Seal] = []
    for at in range(0, len(rows), size):
        made.append(
            seal_range(
                rows[at : at + size], made[-1] if made else None, store=UUID(int=5), partitions=PARTITIONS,
                key=key, now=NOW,
            )
        )  # fmt: skip
    return made
