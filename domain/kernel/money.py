"""Money: a decimal amount, its currency, and the rate to the reporting currency for sums."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.kernel.errors import Invalid
from domain.kernel.text import quoted

# ISO 4217, the codes of active national currencies (list of 2024-06-25 with its amendments to 2025).
_CODES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW "
    "KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD "
    "NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD "
    "SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED "
    "VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES: Final = frozenset(_CODES.split())

LARGEST: Final = Decimal(10) ** 15
DECIMALS: Final = 6
SMALLEST_RATE: Final = Decimal("0.000001")
RATE_DIGITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """`amount` of `currency` (ISO 4217); `rate` is that to the reporting currency at the time; None means 1.

    JSON: `{"amount": "1054", "currency": "USD"}`. The class checks nothing, because old events must stay
    readable; `checked` does, before an event is decided.
    """

    amount: Decimal
    currency: str
    rate: Decimal | None = None


def plain(what: str, value: Decimal) -> Decimal:
    """Returns `value` without exponent and trailing zeros, so that equal amounts have equal texts.

    Raises `Invalid` if it is not a number, above 10^15 or finer than 6 decimals.
    """
    if not value.is_finite():
        raise Invalid(f"The {what} {value} is not a number. Give an amount such as 1054.50.")
    if value == 0:
        return Decimal(0)
    if abs(value) > LARGEST:
        raise Invalid(f"The {what} is above {LARGEST:,}. Check the amount.")
    # Checks the size before writing the number out: 1E-999999 is short, its plain text is not.
    shown = f"{value:f}" if value.adjusted() >= -DECIMALS else ""
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    if not shown or len(shown.partition(".")[2]) > DECIMALS:
        raise Invalid(f"The {what} {value:.12g} has more than {DECIMALS} decimals. Round it.")
    return Decimal(shown)


def checked(what: str, money: Money) -> Money:
    """Returns `money` as an event may hold it: an amount of 0 or more, an existing currency, a rate above 0.

    Raises `Invalid`.
    """
    amount = plain(what, money.amount)
    if amount < 0:
        raise Invalid(f"The {what} is negative ({amount}). Give an amount of 0 or more.")
    if money.currency not in CURRENCIES:
        raise Invalid(f"ISO 4217 has no currency {quoted(money.currency)}. Use a code such as USD or EUR.")
    rate = money.rate
    if rate is not None and not (rate.is_finite() and SMALLEST_RATE <= rate <= 1 / SMALLEST_RATE):
        raise Invalid(
            f"The rate of the {what} is not between {SMALLEST_RATE} and {1 / SMALLEST_RATE:,f}. "
            "Give the rate that leads to the reporting currency."
        )
    if rate is not None and len(rate.as_tuple().digits) > RATE_DIGITS:
        raise Invalid(f"The rate of the {what} has more than {RATE_DIGITS} digits. Round it.")
    return Money(amount=amount, currency=money.currency, rate=rate)


def optional(what: str, money: Money | None) -> Money | None:
    """As `checked`; None stays None."""
    return None if money is None else checked(what, money)
