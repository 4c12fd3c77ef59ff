"""Private values in answers: in clear while they can be opened, else absent with the reason beside them.

Where an installation records who reads them, every answer says whose it holds (`shows`), and
`privacy_guard.py` records that before the answer goes out.
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
    """The value, None where it is closed."""
    if value is None or isinstance(value, Unreadable):
        return None
    watched = _WATCHED.get()
    if watched is not None:
        watched.any = True
    return value


def closed(values: Mapping[str, Value]) -> dict[str, str]:
    """Those that are closed, with the reason."""
    return {name: value.reason for name, value in values.items() if isinstance(value, Unreadable)}


@contextmanager
def watching() -> Iterator[Disclosure]:
    """Inside it what is given notes whether `clear` gave a value."""
    opened = Disclosure()
    token = _WATCHED.set(opened)
    try:
        yield opened
    finally:
        _WATCHED.reset(token)


def shows(request: Request, party: UUID, record: UUID) -> None:
    """The answer to this request holds private values of `record`, which belongs to `party`."""
    shown_in(request.scope).setdefault(party, set()).add(record)


def shown_in(scope: Mapping[str, Any]) -> dict[UUID, set[UUID]]:
    """Whose private values the answer of a request holds: records by party."""
    found: dict[UUID, set[UUID]] = scope["state"].setdefault("shown", {})
    return found


def _purpose(
    purpose: Annotated[
        str | None,
        Header(
            description="What the personal data in the answer is needed for: a code of 1 to 64 characters "
            "out of a-z 0-9 . _ -. Needed where this installation records reads (428 without it).",
            examples=["support.call"],
        ),
    ] = None,
) -> None:
    """Documents the header; it is read by `disclosing.py`, from whatever route holds private values."""


GivesPrivate: Final = Depends(_purpose)
"""A dependency of the routes whose answers can hold private values."""
