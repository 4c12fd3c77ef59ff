"""The lines of the CDNOW file, normalised: pure functions from bytes to purchases.

The file has columns parted by blanks: customer, date, number of CDs, value in dollars. Lines that repeat an
earlier line are purchases of their own, told apart by a count among equal lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from commands.imports.kit.fields import RowRefused, amount, shown
from commands.imports.kit.report import ImportRefused, RowProblem
from commands.imports.kit.table import decoded, encoded_lines, read_file

HEADER: Final = ("customer_id", "date", "number_of_cds", "dollar_value")

_CUSTOMER: Final = re.compile(r"[0-9]{1,12}")
_DATE: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_COUNT: Final = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One purchase. `nth` counts from 1 among lines that say the same; `day` is midnight UTC."""

    line: int
    customer: str
    day: datetime
    number: int
    value: Decimal
    nth: int

    @property
    def name(self) -> str:
        """What it is called in a run of the import."""
        return self.external_id

    @property
    def external_id(self) -> str:
        """Customer, date, number, value and the count among equal lines: the same in every run."""
        return f"{self.customer}/{self.day:%Y%m%d}/{self.number}/{self.value:f}/{self.nth}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who made the purchases: `name` is the customer's number, `line` that of the first purchase."""

    name: str
    line: int
    purchases: list[Purchase]


@dataclass(frozen=True, slots=True)
class Purchases:
    """The good lines of a file in its order, and the bad ones."""

    good: list[Purchase]
    problems: list[RowProblem]


def read_purchases(path: Path) -> Purchases:
    """The purchases of the file at `path`, plain or gzip. Raises `ImportRefused` for another kind of file."""
    lines = encoded_lines(read_file(path))
    try:
        header = tuple(decoded(lines[0]).split())
    except ValueError as error:
        raise ImportRefused(
            f"The header of {path.name} cannot be read. {error} Nothing was imported."
        ) from error
    if header != HEADER:
        raise ImportRefused(
            f"The first line of {path.name} must be {' '.join(HEADER)}; it is "
            f"{shown(' '.join(header)) or 'empty'}. Check that it is the right file; nothing was imported."
        )
    return parsed(path.name, lines[1:])


def parsed(file: str, lines: Iterable[bytes]) -> Purchases:
    """The purchases on `lines`, the first of which is line 2 of `file`; blank lines are passed over."""
    found = Purchases([], [])
    seen: Counter[tuple[str, datetime, int, Decimal]] = Counter()
    for number, raw in enumerate(lines, start=2):
        if not raw.strip():
            continue
        try:
            says = _says(raw)
        except RowRefused as refused:
            found.problems.append(RowProblem(file, number, str(refused)))
            continue
        seen[says] += 1
        customer, day, count, value = says
        found.good.append(
            Purchase(line=number, customer=customer, day=day, number=count, value=value, nth=seen[says])
        )
    return found


def by_customer(purchases: Iterable[Purchase]) -> list[Customer]:
    """The customers of `purchases`, in the order in which the file names them."""
    found: dict[str, Customer] = {}
    for purchase in purchases:
        number = purchase.customer
        customer = found.setdefault(number, Customer(name=number, line=purchase.line, purchases=[]))
        customer.purchases.append(purchase)
    return list(found.values())


def _says(raw: bytes) -> tuple[str, datetime, int, Decimal]:
    """What a line says: customer, day, number of CDs, value without needless zeros."""
    fields = raw.decode("utf-8", "replace").split()
    if len(fields) != len(HEADER):
        raise RowRefused(
            f"The row has {len(fields)} fields; it needs {len(HEADER)}: "
            f"{', '.join(HEADER)}. Complete the row."
        )
    customer, date, count, value = fields
    if not _CUSTOMER.fullmatch(customer):
        raise RowRefused("The customer_id is not a number of 1 to 12 digits. Correct it.")
    if not _COUNT.fullmatch(count) or not int(count):
        raise RowRefused(f"The number_of_cds {shown(count)} is not a whole number above 0. Correct it.")
    dollars = amount("dollar_value", value)
    assert dollars is not None  # a field parted by blanks is never empty
    return customer, _day(date), int(count), Decimal(f"{dollars.normalize():f}")


def _day(text: str) -> datetime:
    written = _DATE.fullmatch(text)
    try:
        year, month, day = (int(part) for part in written.groups()) if written else (0, 0, 0)
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        raise RowRefused(
            f"The date {shown(text)} is not valid. Write year, month and day, such as 19970131."
        ) from None
