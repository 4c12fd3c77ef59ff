"""The lines of the CDNOW file: what they say, which are purchases of their own, which are refused."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from commands.imports.cdnow_file.rows import HEADER, Purchases, parsed, read_purchases
from commands.imports.kit.report import ImportRefused

DATA = Path("deploy/demo/data/cdnow/CDNOW_master.txt.gz")
FIRST = (" " + " ".join(HEADER)).encode()


def lines(*text: str) -> Purchases:
    return parsed("cdnow.txt", [line.encode() for line in text])


def test_a_line_is_a_purchase_at_midnight_utc_with_an_exact_value() -> None:
    """Blanks part the columns, however many."""
    (one,) = lines(" 00004 19970101  2   29.33").good
    assert (one.line, one.customer, one.number, one.value) == (2, "00004", 2, Decimal("29.33"))
    assert one.day == datetime(1997, 1, 1, tzinfo=UTC)
    assert one.external_id == "00004/19970101/2/29.33/1"


def test_equal_lines_are_counted_and_so_are_purchases_of_their_own() -> None:
    """Also where another line stands between, or the value is written another way; nothing else tells them
    apart, so the count must not depend on what was imported before."""
    found = lines(
        " 00110 19970113  1   11.77",
        " 00111 19970113  1   11.77",
        " 00110 19970113  1   11.770",
        " 00110 19970114  1   11.77",
    )
    assert [purchase.external_id for purchase in found.good] == [
        "00110/19970113/1/11.77/1",
        "00111/19970113/1/11.77/1",
        "00110/19970113/1/11.77/2",
        "00110/19970114/1/11.77/1",
    ]


def test_a_purchase_of_value_0_is_one() -> None:
    """80 of them: something was given away."""
    (one,) = lines("00004 19970101 1 0.00").good
    assert (one.value, one.external_id) == (Decimal(0), "00004/19970101/1/0/1")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("00004 19970101 2", "The row has 3 fields; it needs 4: customer_id, date, number_of_cds,"),
        ("00004 19970101 2 29.33 5", "The row has 5 fields; it needs 4"),
        ("x4 19970101 2 29.33", "The customer_id is not a number of 1 to 12 digits."),
        ("00004 19970231 2 29.33", "The date 19970231 is not valid. Write year, month and day, such as"),
        ("00004 1997-01-01 2 29.33", "The date 1997-01-01 is not valid."),
        ("00004 19970101 0 29.33", "The number_of_cds 0 is not a whole number above 0."),
        ("00004 19970101 2.5 29.33", "The number_of_cds 2.5 is not a whole number above 0."),
        ("00004 19970101 2 -29.33", "The dollar_value -29.33 is negative."),
        ("00004 19970101 2 29,33", "The dollar_value 29,33 is not an amount."),
        ("\x00\xff 19970101 2 29.33", "The customer_id is not a number of 1 to 12 digits."),
    ],
    ids=[
        "too few", "too many", "customer", "no such day", "another form", "no CD", "half a CD", "negative",
        "comma", "binary",
    ],
)  # fmt: skip
def test_a_bad_line_costs_itself_alone_and_its_number_is_told(line: str, says: str) -> None:
    """The number is the one that an editor shows: blank lines count, the header is line 1."""
    found = lines("00001 19970101 1 11.77", "", line, "00002 19970112 1 12.00")
    assert [purchase.line for purchase in found.good] == [2, 5]
    assert [(problem.file, problem.line) for problem in found.problems] == [("cdnow.txt", 4)]
    assert found.problems[0].sentence.startswith(says)


def test_the_published_file_has_its_known_totals() -> None:
    """No line of it is bad, and no two purchases have one external id."""
    found = read_purchases(DATA)
    assert found.problems == []
    assert len({purchase.external_id for purchase in found.good}) == len(found.good) == 69_659
    assert sum(purchase.value for purchase in found.good) == Decimal("2500315.63")
    assert sum(purchase.nth > 1 for purchase in found.good) == 255
    assert sum(purchase.value == 0 for purchase in found.good) == 80


def test_plain_and_packed_files_are_read_with_either_line_end(tmp_path: Path) -> None:
    """As published it is packed, with carriage returns."""
    content = FIRST + b"\r\n 00001 19970101  1   11.77\r\n"
    (tmp_path / "plain.txt").write_bytes(content.replace(b"\r", b""))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(content))
    plain, packed = (read_purchases(tmp_path / name) for name in ("plain.txt", "packed.gz"))
    assert plain.good == packed.good
    assert len(plain.good) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "There is no "),
        (
            b"",
            "The first line of cdnow.txt must be customer_id date number_of_cds dollar_value; it is empty.",
        ),
        (b"account,sector\n", "The first line of cdnow.txt must be customer_id date number_of_cds"),
        (b"\xff\xfe\x00\x01", "The header of cdnow.txt cannot be read. The line is not UTF-8: byte 1 is"),
    ],
    ids=["missing", "empty", "another file", "binary"],
)
def test_a_file_that_is_not_the_right_one_is_refused(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    """Before anything is taken."""
    path = tmp_path / "cdnow.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImportRefused) as refused:
        read_purchases(path)
    assert str(refused.value).startswith(says)
    assert str(refused.value).lower().endswith("nothing was imported.")
    assert str(refused.value).isprintable()
