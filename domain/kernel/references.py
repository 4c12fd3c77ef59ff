"""References from one record to another: declared on payload fields, and read back from a payload.

    owner_id: UUID | None = refers_to("principal")

says that the id is a principal's. The dispatcher checks that the referenced record exists and is in use. The
decision checks references in a `FieldChange`, and those with a rule of their own (no cycle of parents).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, Final, cast
from uuid import UUID

_REFERS_TO: Final = "refers_to"


@dataclass(frozen=True, slots=True)
class RefersTo:
    """The marker: `record_type` is the type of the referenced record, `state` the state's field with its
    id."""

    record_type: str
    state: str | None


def refers_to(record_type: str, *, required: bool = False, state: str | None = None) -> Any:
    """A dataclass field with the id of another record, or a tuple of ids; None unless given, or `required`.

    `state` is the field of the record's state with the same ids, if it has another name: ids that the state
    holds already are not checked again.
    """
    marker = {_REFERS_TO: RefersTo(record_type, state)}
    return field(default=MISSING if required else None, metadata=marker)


def references_of(payload: Any, state: Any | None) -> Iterator[tuple[str, UUID]]:
    """Yields record type and id of every reference in `payload` that `state` does not have, each once."""
    seen: set[tuple[str, UUID]] = set()
    for name, marker in _marked(cast("Hashable", type(payload))):
        known = (
            frozenset(_ids(getattr(state, marker.state or name, None))) if state is not None else frozenset()
        )
        for id in dict.fromkeys(_ids(getattr(payload, name))):
            found = (marker.record_type, id)
            if id not in known and found not in seen:
                seen.add(found)
                yield found


def references_in(payload: type[Any]) -> Iterator[tuple[str, str]]:
    """The fields of a payload's class that refer to a record, each with the record type."""
    for name, marker in _marked(cast("Hashable", payload)):
        yield name, marker.record_type


@cache
def _marked(payload: Hashable) -> tuple[tuple[str, RefersTo], ...]:
    return tuple(
        (each.name, each.metadata[_REFERS_TO])
        for each in fields(cast("Any", payload))
        if _REFERS_TO in each.metadata
    )


def _ids(value: Any) -> Iterator[UUID]:
    """The ids in a marked field: one, a tuple of them, or the marked fields of a tuple of values."""
    if isinstance(value, UUID):
        yield value
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from _ids(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for name, _ in _marked(cast("Hashable", type(value))):
            yield from _ids(getattr(value, name))
