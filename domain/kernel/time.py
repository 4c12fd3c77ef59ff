"""Times and their zones."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.kernel.errors import Invalid


def require_time_zone(name: str | None) -> None:
    """Refuses a time zone that this machine's database of time zones lacks."""
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("There is no time zone of that name. Name one such as Europe/Berlin or UTC.") from None
