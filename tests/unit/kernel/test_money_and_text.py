"""Money and texts: one written form for equal amounts, and nothing a store could not keep."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import Invalid
from domain.kernel.money import Money, checked, plain
from domain.kernel.text import line, note, quoted


@pytest.mark.parametrize(
    ("given_as", "kept_as"),
    [
        ("1054", "1054"),
        ("1054.00", "1054"),
        ("1E+3", "1000"),
        ("0.10", "0.1"),
        ("-0", "0"),
        ("0E+999999", "0"),
        ("0.000001", "0.000001"),
        ("1000000000000000", "1000000000000000"),
    ],
)
def test_equal_amounts_are_written_the_same(given_as: str, kept_as: str) -> None:
    assert str(plain("amount", Decimal(given_as))) == kept_as


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=6))
def test_an_amount_keeps_its_value(amount: Decimal) -> None:
    kept = plain("amount", amount)
    assert kept == amount
    assert "E" not in str(kept)


@pytest.mark.parametrize(
    ("money", "sentence"),
    [
        (Money(amount=Decimal("-0.01"), currency="USD"), "The amount is negative (-0.01)."),
        (Money(amount=Decimal("NaN"), currency="USD"), "is not a number"),
        (Money(amount=Decimal("Infinity"), currency="USD"), "is not a number"),
        (Money(amount=Decimal("1000000000000000.01"), currency="USD"), "is above 1,000,000,000,000,000"),
        (Money(amount=Decimal("1E+999999"), currency="USD"), "is above"),
        (Money(amount=Decimal("0.0000001"), currency="USD"), "has more than 6 decimals"),
        (Money(amount=Decimal("1E-999999"), currency="USD"), "has more than 6 decimals"),
        (Money(amount=Decimal(1), currency="US"), "ISO 4217 has no currency 'US'"),
        (Money(amount=Decimal(1), currency="ABC"), "ISO 4217 has no currency 'ABC'"),
        (Money(amount=Decimal(1), currency="USD", rate=Decimal(0)), "The rate of the amount is not between"),
        (
            Money(amount=Decimal(1), currency="USD", rate=Decimal("-1")),
            "The rate of the amount is not between",
        ),
        (
            Money(amount=Decimal(1), currency="USD", rate=Decimal("NaN")),
            "The rate of the amount is not between",
        ),
        (Money(amount=Decimal(1), currency="USD", rate=Decimal(1) + Decimal("1E-25")), "more than 20 digits"),
    ],
)
def test_what_is_no_amount_is_refused(money: Money, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        checked("amount", money)
    assert sentence in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_a_good_amount_keeps_currency_and_rate() -> None:
    money = Money(amount=Decimal("10.50"), currency="EUR", rate=Decimal("1.0834"))
    assert checked("amount", money) == money


def test_lines_are_trimmed_and_notes_may_have_several_lines() -> None:
    assert line("name", "  Isdom ") == "Isdom"
    assert note("note", " a\r\n\tb ") == "a\n\tb"


@pytest.mark.parametrize("text", ["\x00", "a\x1fb", "a\x7fb", "\ud800", "a\rb"])
def test_what_a_store_cannot_keep_is_refused(text: str) -> None:
    for check in (line, note):
        with pytest.raises(Invalid, match=r"control character|is empty"):
            check("name", text)


def test_a_note_that_is_too_long_or_empty_is_refused() -> None:
    with pytest.raises(Invalid, match="20,001 characters; at most 20,000"):
        note("note", "x" * 20_001)
    with pytest.raises(Invalid, match="The note is empty"):
        note("note", "\n")


@pytest.mark.parametrize("value", ["Ada Lovelace", "ada@example.org", "x" * 41, "", "a'b"])
def test_a_refusal_does_not_repeat_what_may_be_personal(value: str) -> None:
    assert quoted(value) == "of that name"
    assert quoted("product-fit_2.0") == "'product-fit_2.0'"
