"""A rotation of the key-encryption key: a new one wraps all keys. Its own id is its party."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain.events.event import Event
from domain.events.registry import EventType
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound
from domain.kernel.record_type import RecordType


@dataclass(frozen=True, slots=True, kw_only=True)
class KekRotated:
    """`crm.privacy.kek_rotated`: no key is wrapped with `from_kek` any more; `keys` is how many were
    rewrapped.

    Both KEKs are ids, `file:<hash>` or `vault:<mount>/<key>`, and reveal nothing about the keys.
    """

    from_kek: str
    to_kek: str
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated(Aggregate):
    """A finished rotation."""

    to_kek: str


def evolve(state: Rotated | None, event: Event) -> Rotated:
    """The rotation after `event`. Raises `NotFound` where the stream is not a rotation's."""
    payload = event.payload
    if state is not None or not isinstance(payload, KekRotated):
        raise NotFound("rotation", event.originator_id)
    return Rotated(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        to_kek=payload.to_kek,
    )


EVENTS: Final = (EventType("crm.privacy.kek_rotated", KekRotated),)

KEY_ROTATION: Final = RecordType(
    name="key rotation",
    plural="key_rotations",
    area="privacy",
    events=EVENTS,
    state=Rotated,
    evolve=evolve,
)
