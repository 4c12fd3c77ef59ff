"""The CDNOW file comes in as customers and purchases, once, however often the import is run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from domain.activities.interaction import events as interaction
from domain.customers.customer import events as customer
from domain.events.event import Event
from tests.support.database import migrated
from tests.support.import_runs import cdnow, cdnow_lines, file_of
from tests.support.importing import NOW, Importing, importing

HEADER, *LINES = cdnow_lines()
SLICE = LINES[:1000]


@pytest.fixture
def empty(fresh_database: str) -> Iterator[Importing]:
    """A store without an event."""
    with importing(migrated(fresh_database).app) as target:
        yield target


@pytest.fixture
def slice_(tmp_path: Path) -> Path:
    """The first 1,000 purchases: 286 customers; the last one's may go on behind them."""
    return file_of(tmp_path / "cdnow.txt", HEADER, *SLICE)


def purchases(target: Importing) -> list[Event]:
    return [event for event in target.events() if isinstance(event.payload, interaction.Recorded)]


def value(events: list[Event]) -> Decimal:
    return sum((event.payload.amount.amount for event in events), Decimal(0))


def test_every_purchase_is_an_interaction_of_its_customer(empty: Importing, slice_: Path) -> None:
    """At its day, with its CDs and its dollars; a customer exists since the first of them."""
    report = cdnow(empty, slice_)
    assert {kind: tally.created for kind, tally in report.kinds.items()} == {
        "customers": 286,
        "purchases": 1000,
    }
    events = empty.events()
    found = purchases(empty)
    wanted = [line.split() for line in SLICE]
    assert value(found) == sum(Decimal(fields[3]) for fields in wanted)
    assert sum(event.payload.items[0].quantity for event in found) == sum(int(f[2]) for f in wanted)

    (two,) = empty.ids("cdnow-customer", "00002").values()
    own = [event for event in events if event.party == two]
    assert [type(event.payload) for event in own].count(customer.Registered) == 1
    bought = [event for event in own if isinstance(event.payload, interaction.Recorded)]
    assert sorted(event.payload.amount.amount for event in bought) == [Decimal(12), Decimal(77)]
    assert {event.time for event in own} == {datetime(1997, 1, 12, tzinfo=UTC)}
    first = bought[0].payload
    assert (first.kind, first.customer_id, first.imported) == ("purchase", two, True)
    assert (first.amount.currency, first.items[0].sku) == ("USD", "CD")
    assert first.reference.source == "cdnow"


def test_a_second_run_changes_nothing_and_a_longer_file_adds_what_is_new(
    empty: Importing, slice_: Path, tmp_path: Path
) -> None:
    """The shop sends the whole file again, grown: with purchases of old and of new customers."""
    cdnow(empty, slice_)
    mark = empty.follower.high_water_mark()
    again = cdnow(empty, slice_, now=NOW.replace(year=2027))
    assert again.summary() == "Everything is unchanged: all 1,286 records were there already."
    assert empty.follower.high_water_mark() == mark
    more = [" 00001 19980630  1   10.00", " 99999 19980630  1   10.00"]
    report = cdnow(empty, file_of(tmp_path / "longer.txt", HEADER, *SLICE, *more))
    assert (report.created, report.unchanged, report.failed) == (3, 1286, [])


def test_repeated_rows_are_purchases_of_their_own_and_value_0_is_kept(
    empty: Importing, tmp_path: Path
) -> None:
    """Equal lines differ by their count alone; a third one in a later file is one more."""
    row, gift = " 00110 19970113  1   11.77", " 00110 19970114  2    0.00"
    report = cdnow(empty, file_of(tmp_path / "twice.txt", HEADER, row, gift, row))
    assert report.kinds["purchases"].created == 3
    assert value(purchases(empty)) == Decimal("23.54")
    report = cdnow(empty, file_of(tmp_path / "thrice.txt", HEADER, row, row, row, gift))
    assert (report.created, report.unchanged) == (1, 4)
    assert value(purchases(empty)) == Decimal("35.31")


def test_bad_lines_are_reported_and_the_others_taken_and_taken_once_corrected(
    empty: Importing, tmp_path: Path
) -> None:
    """Progress reaches its end all the same; a purchase of tomorrow is refused by the handler."""
    bad = [" 00003 19970299  1   11.77", "", " 00003", f" 00003 {NOW:%Y}1231  1   11.77"]
    seen: list[tuple[int, int]] = []
    path = file_of(tmp_path / "bad.txt", HEADER, LINES[0], *bad, LINES[1])
    report = cdnow(empty, path, progress=lambda done, total: seen.append((done, total)))
    assert [(problem.line, problem.sentence[:30]) for problem in report.failed] == [
        (3, "The date 19970299 is not valid"),
        (5, "The row has 1 fields; it needs"),
        (6, "The customer of this purchase "),
        (6, f"The time {NOW:%Y}-12-31T00:00:00+0"),
    ]
    assert len(purchases(empty)) == 2
    assert seen[-1] == (8, 8)  # two bad lines, three customers, three purchases
    good = file_of(tmp_path / "good.txt", HEADER, LINES[0], " 00003 19970228  1   11.77", LINES[1])
    report = cdnow(empty, good)
    assert (report.created, report.unchanged, report.failed) == (2, 4, [])


def test_no_name_of_a_customer_stands_in_the_store_in_clear(empty: Importing, slice_: Path) -> None:
    """They are persons: even a name made of a number is closed with their own key."""
    cdnow(empty, slice_)
    stored = b"".join(row.event for row in empty.follower.stream(0, empty.follower.high_water_mark()))
    assert b"CDNOW customer" not in stored
    names = {e.payload.name for e in empty.events() if isinstance(e.payload, customer.Registered)}
    assert "CDNOW customer 00001" in names
    assert len(names) == 286
