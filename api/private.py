"""Private values in answers: in clear while they can be opened, else absent with the reason beside them."""

from __future__ import annotations

from collections.abc import Mapping

from domain.events.private import Closed

Value = str | Closed | None


def clear(value: Value) -> str | None:
    """The value, None where it is closed."""
    return None if isinstance(value, Closed) else value


def closed(values: Mapping[str, Value]) -> dict[str, str]:
    """Those that are closed, with the reason."""
    return {name: value.reason for name, value in values.items() if isinstance(value, Closed)}
