"""Reading a CSV file: a broken line costs itself alone, a broken file is refused as a whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from commands.imports.kit.report import ImportRefused
from commands.imports.kit.table import read_table

COLUMNS = ("product", "series", "sales_price")
HEADER = b"product,series,sales_price\n"


def given(folder: Path, content: bytes, name: str = "products.csv") -> Path:
    (folder / name).write_bytes(content)
    return folder


def test_lines_keep_their_number_and_blank_ones_are_passed_over(tmp_path: Path) -> None:
    """The number is the one an editor shows; line ends of either kind and outer blanks do not matter."""
    table = read_table(given(tmp_path, HEADER + b"A,GTX,1\r\n\r\n\n  B , MG ,2"), "products.csv", COLUMNS)
    assert [(line.number, line.fields["product"], line.fields["series"]) for line in table.lines] == [
        (2, "A", "GTX"),
        (5, "B", "MG"),
    ]
    assert table.problems == []


def test_a_byte_order_mark_and_another_order_of_columns_are_accepted(tmp_path: Path) -> None:
    """Spreadsheets write both; further columns are passed over."""
    content = b"\xef\xbb\xbfseries,note,product,sales_price\nGTX,new,\xc3\x84rger,1\n"
    table = read_table(given(tmp_path, content), "products.csv", COLUMNS)
    assert table.lines[0].fields["product"] == "Ärger"


def test_a_compressed_file_is_read_where_there_is_no_plain_one(tmp_path: Path) -> None:
    """`NAME.csv.gz` stands in; problems still name the file without `.gz`."""
    table = read_table(
        given(tmp_path, gzip.compress(HEADER + b"A,B\n"), "products.csv.gz"), "products.csv", COLUMNS
    )
    assert [(problem.file, problem.line) for problem in table.problems] == [("products.csv", 2)]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (b"A,GTX", "The row has 2 fields where the header has 3."),
        (b"A,GTX,1,2", "The row has 4 fields where the header has 3."),
        (b'"A,GTX,1', "The line is not CSV: unexpected end of data."),
        (b'"A"B,GTX,1', "The line is not CSV:"),
        (b"M\xfcller,GTX,1", "The line is not UTF-8: byte 2 is 0xfc."),
        (b"A\x00,GTX,1", "The line holds control characters."),
        (b"A\x1f,GTX,1", "The line holds control characters."),
        (b"A\tB,GTX,1", "The line holds control characters."),
    ],
    ids=["too few", "too many", "open quote", "text behind a quote", "latin-1", "nul", "separator", "tab"],
)
def test_a_broken_line_in_the_middle_costs_itself_alone(tmp_path: Path, broken: bytes, says: str) -> None:
    """The lines before and behind it are taken; an open quote does not swallow them."""
    content = HEADER + b"A,GTX,1\n" + broken + b'\n"B","MG",2\n'
    table = read_table(given(tmp_path, content), "products.csv", COLUMNS)
    assert [line.number for line in table.lines] == [2, 4]
    assert [problem.line for problem in table.problems] == [3]
    assert table.problems[0].sentence.startswith(says)
    assert str(table.problems[0]).startswith("products.csv line 3: ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "There is no products.csv (nor products.csv.gz) in"),
        (b"", "The header of products.csv lacks product, series, sales_price; it has nothing."),
        (b"product,price\n", "The header of products.csv lacks series, sales_price; it has product, price."),
        (b"product,series,sales_price,series\n", "The header of products.csv names a column twice."),
        ("product,series,sales_price\n".encode("utf-16"), "The header of products.csv cannot be read."),
    ],
    ids=["missing", "empty", "other columns", "twice", "utf-16"],
)
def test_a_file_that_is_not_the_right_one_is_refused(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    """Fact, cause, and that nothing was imported or what to do."""
    if content is not None:
        given(tmp_path, content)
    with pytest.raises(ImportRefused) as refused:
        read_table(tmp_path, "products.csv", COLUMNS)
    assert str(refused.value).startswith(says)


def test_a_missing_folder_and_half_a_gzip_file_are_refused(tmp_path: Path) -> None:
    """A download that was cut off must not pass for the whole file."""
    with pytest.raises(ImportRefused, match="There is no folder"):
        read_table(tmp_path / "nowhere", "products.csv", COLUMNS)
    half = gzip.compress(HEADER + b"A,GTX,1\n" * 1000)[:60]
    with pytest.raises(ImportRefused, match="is not a complete gzip file"):
        read_table(given(tmp_path, half, "products.csv.gz"), "products.csv", COLUMNS)
    with pytest.raises(ImportRefused, match="is not a complete gzip file"):
        read_table(given(tmp_path, HEADER, "products.csv.gz"), "products.csv", COLUMNS)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A folder of that name stands for any file that the system will not give out."""
    (tmp_path / "products.csv").mkdir()
    with pytest.raises(ImportRefused, match="cannot be read: Is a directory"):
        read_table(tmp_path, "products.csv", COLUMNS)
