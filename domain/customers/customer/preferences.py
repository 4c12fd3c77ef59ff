"""What a customer prefers: which language, which channel, when.

The list of keys is closed, and each value is a code, checked by its key's form. So a preference identifies
nobody: events and views hold it in clear, like a tag, and SQL can select by it. Open texts ("not before ten,
ask for Ada") would hold personal data and would belong into the private part of an event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final, Literal, get_args

from domain.kernel.errors import Invalid
from domain.kernel.text import line, quoted

Preference = Literal["language", "channel", "contact_days", "contact_hours", "time_zone"]
PREFERENCES: Final[tuple[Preference, ...]] = get_args(Preference)

CHANNELS: Final = ("phone", "email", "sms", "chat", "letter", "visit", "social")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPANS: Final = 4
"""Most spans of hours in a day."""

_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE)
_SPAN: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)")
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]{1,20}(/[A-Za-z0-9_+-]{1,20}){0,2}")


def preferences(given: Mapping[str, str]) -> dict[str, str]:
    """Returns preferences as events hold them, each with one spelling. Raises `Invalid`, which describes a
    valid value. Does not check that a time zone exists."""
    return {
        known(name): _FORMS[known(name)](line(f"preference {name}", value)) for name, value in given.items()
    }


def known(name: str) -> Preference:
    """Returns the key of that name. Raises `Invalid`, which lists the keys."""
    for key in PREFERENCES:
        if key == name:
            return key
    raise Invalid(f"There is no preference {quoted(name)}. Name one of: {', '.join(PREFERENCES)}.")


def _language(value: str) -> str:
    found = _LANGUAGE.fullmatch(value)
    if found is None:
        raise _misfit("language", "a language tag such as de, pt-BR or zh-Hant-TW")
    language, script, region = (part or "" for part in found.groups())
    return "-".join(part for part in (language.lower(), script.title(), region.upper()) if part)


def _channel(value: str) -> str:
    if value not in CHANNELS:
        raise _misfit("channel", f"one of: {', '.join(CHANNELS)}")
    return value


def _days(value: str) -> str:
    named = [day.strip() for day in value.lower().split(",")]
    if not set(named) <= set(DAYS) or len(set(named)) != len(named):
        raise _misfit("contact_days", f"days, each once, such as mon,tue,fri, out of: {', '.join(DAYS)}")
    return ",".join(day for day in DAYS if day in named)


def _hours(value: str) -> str:
    spans = [span.strip() for span in value.split(",")]
    good = len(spans) <= SPANS and all(_SPAN.fullmatch(span) for span in spans)
    # Times with two digits each sort as texts.
    times = [time for span in spans for time in span.split("-")]
    if not good or any(later <= earlier for earlier, later in pairwise(times)):
        raise _misfit(
            "contact_hours", f"up to {SPANS} spans of a day in their order, such as 09:00-12:00,14:00-17:30"
        )
    return ",".join(spans)


def _zone(value: str) -> str:
    if not _ZONE.fullmatch(value):
        raise _misfit("time_zone", "a time zone's name such as Europe/Berlin")
    return value


_FORMS: Final[Mapping[Preference, Callable[[str], str]]] = {
    "language": _language,
    "channel": _channel,
    "contact_days": _days,
    "contact_hours": _hours,
    "time_zone": _zone,
}


def _misfit(name: Preference, form: str) -> Invalid:
    return Invalid(f"The preference {name} does not have its form. Give {form}.")
