"""Private values in responses: in clear while they can be opened, else absent with the reason.

Every response notes whose private values it holds (`shows`). In an installation that records reads,
`privacy_guard.py` records them before the response goes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Header, Request

from domain.events.private import Unreadable

Value = str | Unreadable | None


class Disclosure:
    """Whether a private value was given in clear."""

    any = False


_WATCHED: Final[ContextVar[Disclosure | None]] = ContextVar("private values given in clear", default=None)


def clear(value: Value) -> str | None:
    """Returns the value; None if it is closed."""
    if value is None or isinstance(value, Unreadable):
        return None
    watched = _WATCHED.get()
    if watched is not None:
        watched.any = True
    return value


def closed(values: Mapping[str, Value]) -> dict[str, str]:
    """Returns the closed ones, with the reason."""
    return {name: value.reason for name, value in values.items() if isinstance(value, Unreadable)}


@contextmanager
def watching() -> Iterator[Disclosure]:
    """Inside it the yielded object notes whether `clear` returned a value."""
    opened = Disclosure()
    token = _WATCHED.set(opened)
    try:
        yield opened
    finally:
        _WATCHED.reset(token)


def shows(request: Request, party: UUID, record: UUID) -> None:
    """Notes that the response to this request holds private values of `record` in `party`."""
    shown_in(request.scope).setdefault(party, set()).add(record)


def shown_in(scope: Mapping[str, Any]) -> dict[UUID, set[UUID]]:
    """Returns whose private values a request's response holds: records by party."""
    found: dict[UUID, set[UUID]] = scope["state"].setdefault("shown", {})
    return found


def _purpose(
    purpose: Annotated[
        str | None,
        Header(
            description="The purpose for which the personal data is read: a code of 1 to 64 characters "
            "out of a-z 0-9 . _ -. Needed if this installation records reads (428 without it).",
            examples=["support.call"],
        ),
    ] = None,
) -> None:
    """Documents the header; `privacy_guard.py` reads it, for every route with private values."""


GivesPrivate: Final = Depends(_purpose)
"""A dependency of the routes whose responses can hold private values."""
