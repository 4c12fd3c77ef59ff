"""The envelope: a CloudEvents 1.0 JSON object in structured mode, encoded once with orjson.

These bytes are stored, published and hashed; nothing encodes them again. The order of the keys is fixed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from domain.events.event import Actor, Event
from domain.events.private import PrivateCipher
from domain.events.registry import Registry
from domain.kernel.errors import EventTooLarge, Undecodable

LIMIT: Final = 512 * 1024
"""Most bytes of one encoded event."""

REQUIRED: Final = (
    "specversion", "id", "source", "type", "subject", "partitionkey", "sequence", "time", "recordedtime",
    "dataschema", "correlationid", "authid", "authtype", "data",
)  # fmt: skip


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC with six decimals and `Z`, so that text order is time order."""
    if moment.tzinfo is None:
        raise ValueError("an event's time needs a zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def moment(instant: str) -> datetime:
    """The UTC datetime of an RFC 3339 instant."""
    return datetime.fromisoformat(instant).astimezone(UTC)


def encode(event: Event, registry: Registry, cipher: PrivateCipher) -> bytes:
    """Returns the event's bytes, private fields closed by `cipher`. Raises `EventTooLarge` above 512 KiB."""
    kind = registry.of(event.payload)
    data, parts = registry.split(event)
    if parts:
        data["private"] = cipher.encrypt(event, parts)
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/rapport/{kind.family}",
        "type": kind.name,
        "subject": str(event.originator_id),
        "partitionkey": str(event.party),
        "sequence": f"{event.originator_version:010d}",
        "time": instant(event.time),
        "recordedtime": instant(event.recorded),
        "datacontenttype": "application/json",
        "dataschema": kind.schema,
        "correlationid": str(event.correlation),
    }
    if event.cause is not None:
        envelope["causationid"] = event.cause
    envelope["authid"] = str(event.actor.id)
    envelope["authtype"] = event.actor.kind
    envelope["data"] = data
    encoded = orjson.dumps(envelope)
    if len(encoded) > LIMIT:
        raise EventTooLarge(size=len(encoded), limit=LIMIT)
    return encoded


def parse(encoded: bytes | memoryview) -> dict[str, Any]:
    """Returns the envelope as a mapping, as it was written. Raises `Undecodable`."""
    try:
        envelope = orjson.loads(encoded)
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"These {len(encoded)} bytes are not JSON: {error}.") from error
    if not isinstance(envelope, dict):
        raise Undecodable("An event must be a JSON object.")
    missing = [name for name in REQUIRED if name not in envelope]
    if missing:
        raise Undecodable(f"The event {envelope.get('id')} lacks {', '.join(missing)}.")
    if not isinstance(envelope["data"], dict):
        raise Undecodable(f"The data of the event {envelope['id']} is not a JSON object.")
    return envelope


def decode(encoded: bytes | memoryview, registry: Registry, cipher: PrivateCipher) -> Event:
    """Returns the event of these bytes, upcast to the newest schema, private values opened or `Closed`.

    Raises `Undecodable` or `UnknownEventType`.
    """
    envelope = registry.upcast(parse(encoded))
    data = envelope["data"]
    private = data.get("private")
    if private is not None and not isinstance(private, dict):
        raise Undecodable(
            f"The private part of the event {envelope['id']} is malformed: it is not an object."
        )
    opened = cipher.decrypt(envelope["id"], private) if private else {}
    try:
        return Event(
            originator_id=UUID(envelope["subject"]),
            originator_version=int(envelope["sequence"]),
            party=UUID(envelope["partitionkey"]),
            time=moment(envelope["time"]),
            recorded=moment(envelope["recordedtime"]),
            correlation=UUID(envelope["correlationid"]),
            cause=envelope.get("causationid"),
            actor=Actor(id=UUID(envelope["authid"]), kind=envelope["authtype"]),
            payload=registry.join(registry.named(envelope["type"]), data, opened),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise Undecodable(f"The envelope of the event {envelope['id']} is malformed: {error}.") from error
