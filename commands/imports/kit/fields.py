"""Single values of a row. Each function raises `RowRefused` with a sentence that names the column."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,4})?")
_WHOLE = re.compile(r"[0-9]{1,15}")
_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_MAX_CHARACTERS = 200
_MAX_SHOWN_CHARACTERS = 40


class RowRefused(Exception):
    """A row that cannot become a record. `str(error)` is fact, cause and next act."""


def shown(value: str) -> str:
    """Returns `value` as a sentence quotes it: shortened, so that a broken file cannot flood the report."""
    return value if len(value) <= _MAX_SHOWN_CHARACTERS else f"{value[:_MAX_SHOWN_CHARACTERS]}…"


def required(column: str, value: str) -> str:
    """A text of 1 to 200 characters."""
    if not value:
        raise RowRefused(f"The {column} is empty. Fill it in.")
    if len(value) > _MAX_CHARACTERS:
        raise RowRefused(
            f"The {column} has {len(value)} characters; at most {_MAX_CHARACTERS} are allowed. Shorten it."
        )
    return value


def whole(column: str, value: str) -> str:
    """A whole number of at least 0, as plain digits; an empty text stays empty."""
    if value and not _WHOLE.fullmatch(value):
        raise RowRefused(f"The {column} {shown(value)} is not a whole number. Write digits alone.")
    return value and str(int(value))


def amount(column: str, value: str) -> Decimal | None:
    """A decimal number of at least 0 with at most four decimals; None for an empty text."""
    if not value:
        return None
    if not _NUMBER.fullmatch(value):
        raise RowRefused(
            f"The {column} {shown(value)} is not an amount. Write digits, with a point before decimals."
        )
    parsed = Decimal(value)
    if parsed < 0:
        raise RowRefused(f"The {column} {shown(value)} is negative. Amounts are 0 or more; correct the row.")
    return parsed


def midnight(column: str, value: str) -> datetime | None:
    """Midnight UTC of a date written month/day/year, such as 3/1/2017; None for an empty text."""
    if not value:
        return None
    written = _DATE.fullmatch(value)
    if written:
        month, day, year = (int(part) for part in written.groups())
        try:
            return datetime(year, month, day, tzinfo=UTC)
        except ValueError:
            written = None
    raise RowRefused(f"The {column} {shown(value)} is not a date. Write month/day/year, such as 3/1/2017.")
