"""Checks of texts in events: every store, topic and read model can hold what passes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from domain.kernel.errors import Invalid

Note = Annotated[str, "note"]
"""A free text, lines allowed: the type of a command's field. A plain `str` is one line."""

NAME_LIMIT: Final = 500
"""Most characters of a name, a reason, an attribute."""

NOTE_LIMIT: Final = 20_000
"""Most characters of a free text."""

SLUG: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
"""An id in a configuration, which is written into events."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
# PostgreSQL's text holds no NUL and JSON no lone surrogate: either would stop a read model later on.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_FORBIDDEN_IN_LINES: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def quoted(value: str) -> str:
    """Returns `value` in quotes for a refusal if it looks like a name, else "of that name".

    So a person's name or a password that a client sent by mistake stays out of responses and logs.
    """
    return f"'{value}'" if _NAME.fullmatch(value) else "of that name"


def line(what: str, value: str) -> str:
    """Returns `value` trimmed: one line of 1 to 500 characters. Raises `Invalid`."""
    trimmed = value.strip()
    if not trimmed:
        raise Invalid(f"The {what} is empty. Give one.")
    if len(trimmed) > NAME_LIMIT:
        raise Invalid(
            f"The {what} has {len(trimmed):,} characters; at most {NAME_LIMIT} are allowed. Shorten it."
        )
    if _FORBIDDEN_IN_LINES.search(trimmed):
        raise Invalid(f"The {what} holds a control character. Remove it.")
    return trimmed


def note(what: str, value: str) -> str:
    """Returns `value` trimmed: 1 to 20,000 characters with line breaks and tabs. Raises `Invalid`."""
    trimmed = value.replace("\r\n", "\n").strip()
    if not trimmed:
        raise Invalid(f"The {what} is empty. Write one, or leave it out.")
    if len(trimmed) > NOTE_LIMIT:
        raise Invalid(
            f"The {what} has {len(trimmed):,} characters; at most {NOTE_LIMIT:,} are allowed. "
            "Keep the long text as an attachment and refer to it."
        )
    if _FORBIDDEN.search(trimmed):
        raise Invalid(f"The {what} holds a control character. Remove it.")
    return trimmed


def optional_line(what: str, value: str | None) -> str | None:
    """As `line`; None stays None."""
    return None if value is None else line(what, value)


def lines(what: str, values: Mapping[str, str]) -> dict[str, str]:
    """Names and values, each as in `line`."""
    return {
        line(f"name of a {what}", name): line(f"{what} {quoted(name)}", value)
        for name, value in values.items()
    }
