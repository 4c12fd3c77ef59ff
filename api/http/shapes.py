"""Values in JSON requests and responses: money, instants, references."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, PlainSerializer

from api.http.validation import Body, Word
from domain.kernel.money import Money
from domain.kernel.values import Reference


def plain(number: Decimal) -> str:
    """A decimal without an exponent and without zeros at its end: `1054`, `0.1`."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = r"[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?"


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the first and last hours of the calendar, in another zone
        raise ValueError("lies outside the years 1 to 9999") from error


def _written_as(pattern: str, example: str) -> BeforeValidator:
    """Refuses other spellings that the validator accepts, such as seconds since 1970."""

    def check(value: object) -> object:
        if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(pattern, value)):
            return value
        raise ValueError(f"must be written as in {example}")

    return BeforeValidator(check)


def _exact(value: object) -> object:
    if isinstance(value, float | bool):
        raise ValueError('must be a string such as "1054.50": a JSON number loses digits on its way')
    return value


Instant = Annotated[datetime, AfterValidator(_utc)]
"""An instant in responses: RFC 3339, UTC, `Z`."""

Moment = Annotated[
    AwareDatetime,
    AfterValidator(_utc),
    _written_as(f"{_DAY}{_TIME}([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})", "2017-12-31T00:00:00Z, with its zone"),
]
"""An instant in requests: RFC 3339 with any zone."""

Day = Annotated[date, _written_as(_DAY, "2017-12-31")]
"""A day in requests."""

Number = Annotated[Decimal, PlainSerializer(plain, return_type=str)]
"""A decimal as a string, since JSON's numbers lose digits in many clients."""

Amount = Annotated[Decimal, Field(max_digits=24, decimal_places=6), BeforeValidator(_exact)]
"""A decimal in requests: a string or a whole number."""


class MoneyOut(BaseModel):
    """An amount with its currency; `rate` leads to the reporting currency."""

    amount: Number = Field(examples=["1054"])
    currency: str = Field(examples=["USD"])
    rate: Number | None = Field(examples=["1"])

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self | None:
        """Returns the money of the columns amount, currency, rate; None without an amount."""
        if row["amount"] is None:
            return None
        return cls(amount=row["amount"], currency=row["currency"], rate=row["rate"])


class MoneyIn(Body):
    """An amount (a string, not negative), its ISO 4217 currency, and the rate if sums need one."""

    amount: Amount = Field(examples=["1054.00"])
    currency: Annotated[Word, Field(max_length=3, examples=["USD"])]
    rate: Amount | None = Field(default=None, description="To the reporting currency; 1 if left out.")

    def money(self) -> Money:
        """The domain's value."""
        return Money(amount=self.amount, currency=self.currency, rate=self.rate)


class ReferenceIn(Body):
    """The record's id in another system; one record per source and external id."""

    source: Word = Field(description="Which system, such as `erp`.")
    external_id: Word


class ReferenceOut(BaseModel):
    """The record's id in another system."""

    source: str = Field(examples=["erp"])
    external_id: str = Field(examples=["4711"])


def money(sent: MoneyIn | None) -> Money | None:
    """The domain's money of an optional amount."""
    return None if sent is None else sent.money()


def reference(sent: ReferenceIn | None) -> Reference | None:
    """The domain's reference of an optional one."""
    if sent is None:
        return None
    return Reference(source=sent.source, external_id=sent.external_id)
