"""What imports share: the digest by which a row is known again, for ever."""

from __future__ import annotations

from commands.imports.kit.claims import row_digest

KEY = bytes(range(32))


def test_the_digest_of_a_row_never_changes() -> None:
    """Frozen: another one would make every imported row look changed."""
    assert row_digest(KEY, "maven-product", {"product": "GTX", "sales_price": "550"}).hex() == (
        "5b235304b63abae2a304c91dcd83212cf4d4c16109ad32d8a6faa48187bdc6c5"
    )


def test_the_order_of_columns_does_not_matter_the_source_does() -> None:
    """Spreadsheets move columns; two sources may know the same id."""
    row, moved = {"a": "1", "b": "2"}, {"b": "2", "a": "1"}
    assert row_digest(KEY, "x", row) == row_digest(KEY, "x", moved)
    assert row_digest(KEY, "x", row) != row_digest(KEY, "y", row)
    assert row_digest(KEY, "x", row) != row_digest(bytes(32), "x", row)
