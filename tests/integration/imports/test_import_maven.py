"""The Maven files come in through the command handlers, once, however often the import is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from commands.imports.maven_files.histories import SOURCES
from deploy.demo.second_reader import expected
from deploy.local.postgres import LocalPostgres
from domain.customers.customer import events as customer_events
from domain.customers.customer import state as customer
from domain.directory.principal import events as principal
from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import replay
from domain.sales.opportunity import events as opportunity_events
from domain.sales.opportunity import state as opportunity
from domain.sales.product import events as product
from tests.support.database import migrated
from tests.support.http import database
from tests.support.importing import DATA, NOW, Importing, folder_with, importing, original

AS_OF = datetime(2017, 12, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def whole(postgres: LocalPostgres) -> Iterator[Importing]:
    """The published files, imported once for the tests that only look."""
    with database(postgres, "import_maven") as url, importing(migrated(url).app) as target:
        report = target.run(DATA)
        assert (report.created, report.unchanged, report.failed) == (8933, 0, [])
        yield target


@pytest.fixture
def empty(fresh_database: str) -> Iterator[Importing]:
    """A store without an event."""
    with importing(migrated(fresh_database).app) as target:
        yield target


def deals(events: list[Event]) -> list[opportunity.Opportunity]:
    """Every opportunity, replayed."""
    streams: dict[str, list[Event]] = {}
    for event in events:
        if isinstance(event.payload, opportunity_events.OpportunityEvent):
            streams.setdefault(str(event.originator_id), []).append(event)
    found = [replay(opportunity.evolve, None, stream) for stream in streams.values()]
    return [each for each in found if each is not None]


def test_the_aggregates_hold_what_a_second_reader_of_the_files_counts(whole: Importing) -> None:
    """Replayed from the store: no read model stands between."""
    events = whole.events()
    wanted = expected(DATA)
    replayed = deals(events)
    stages = Counter(deal.stage for deal in replayed)
    kinds = Counter(type(event.payload) for event in events)

    def value(outcome: str) -> Decimal:
        return sum((d.amount.amount for d in replayed if d.outcome == outcome and d.amount), Decimal(0))

    assert {
        "principals": kinds[principal.Registered],
        "customers": kinds[customer_events.Registered],
        "products": kinds[product.Registered],
        "opportunities": len(replayed),
        "won": stages["won"],
        "won value": value("won"),
        "lost": stages["lost"],
        "engaging": stages["engaging"],
        "prospecting": stages["prospecting"],
        "open at list price": value("open"),
        "without a customer": sum(deal.customer_id is None for deal in replayed),
        "events": len(events),
    } == wanted
    assert value("lost") == 0


def test_a_second_run_changes_nothing_and_says_so(whole: Importing) -> None:
    """Not an event more, although the clock and all ids are others."""
    before = whole.follower.high_water_mark()
    report = whole.run(DATA, now=NOW.replace(year=2027))
    assert (report.created, report.unchanged, report.failed) == (0, 8933, [])
    assert report.summary() == "Everything is unchanged: all 8,933 records were there already."
    assert whole.follower.high_water_mark() == before


def test_a_closed_deal_keeps_list_price_until_the_close_and_says_what_it_skipped(whole: Importing) -> None:
    """Z063OYW0: GTXPro (list 4,821) engaged 2016-10-25, won 2017-03-11 for 4,514."""
    (id,) = whole.ids("maven-opportunity", "Z063OYW0").values()
    opened, won = (event for event in whole.events() if event.originator_id == id)
    assert opened.payload.amount.amount == 4821
    assert (opened.payload.stage, opened.payload.skipped) == ("engaging", ("prospecting",))
    assert opened.payload.imported is True
    assert opened.payload.original == {"product": "GTXPro"}
    assert opened.time == datetime(2016, 10, 25, tzinfo=UTC)
    assert (won.payload.from_stage, won.payload.to_stage) == ("engaging", "won")
    assert (won.payload.amount.amount, won.payload.amount.currency) == (4514, "USD")
    assert won.time == datetime(2017, 3, 11, tzinfo=UTC)
    assert opened.recorded == won.recorded == NOW
    (gtx,) = whole.ids("maven-product", "GTX Pro").values()
    assert opened.payload.product_id == gtx
    assert opened.party == whole.ids("maven-account", "Isdom")["Isdom"] == opened.payload.customer_id


def test_a_lost_deal_is_worth_nothing_and_its_reason_was_not_recorded(whole: Importing) -> None:
    """KWVA7VR1 was lost; the files never say why."""
    (id,) = whole.ids("maven-opportunity", "KWVA7VR1").values()
    lost = whole.commands.crm.load("opportunity", opportunity.evolve, id)
    assert lost.outcome == "lost"
    assert lost.amount is not None
    assert lost.amount.amount == 0
    assert lost.closes[0].reason == "not-recorded"


def test_the_undated_deals_open_on_the_configured_day(whole: Importing) -> None:
    """500 of them, all in Prospecting."""
    undated = [deal for deal in deals(whole.events()) if deal.stage == "prospecting"]
    assert {deal.time for deal in undated} == {AS_OF}
    assert len(undated) == 500


def test_organisations_keep_parent_attributes_and_original_spelling(whole: Importing) -> None:
    """Acme (sector `technolgy`) is the parent of Bluth Company."""
    ids = whole.ids("maven-account", "Acme Corporation", "Bluth Company")
    load = whole.commands.crm.load
    bluth = load("customer", customer.evolve, ids["Bluth Company"])
    acme = load("customer", customer.evolve, ids["Acme Corporation"])
    assert bluth.parent_id == acme.id
    assert acme.attributes == {
        "sector": "technology",
        "year_established": "1996",
        "revenue": "1100.04",
        "employees": "2822",
        "office_location": "United States",
    }
    registered = next(event for event in whole.events() if event.originator_id == acme.id)
    assert registered.payload.original == {"sector": "technolgy"}


def test_no_name_of_a_principal_stands_in_the_store_in_clear(whole: Importing) -> None:
    """Not in an event, a reference or a claim; with the key they are all there."""
    people = {line.split(",")[0] for line in original("sales_teams")[1:]}
    people |= {line.split(",")[1] for line in original("sales_teams")[1:]}
    rows = list(whole.follower.stream(0, whole.follower.high_water_mark()))
    with whole.commands.crm.recorder.pool.connection() as connection, connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(
            "SELECT source, external_id FROM store.claim WHERE source = ANY (%s)", (list(SOURCES),)
        )
        claims = [external_id for source, external_id in cursor.fetchall() if source == "maven-principal"]
    stored = b"\n".join(row.event for row in rows if row.type.startswith("crm.principal."))
    assert len(claims) == len(people) == 41
    for name in people:
        assert name.encode() not in stored
        assert not any(name in claim for claim in claims)
    names = {e.payload.name for e in whole.events() if isinstance(e.payload, principal.Registered)}
    assert not any(isinstance(name, Unreadable) for name in names)
    assert names == people


def test_managers_are_principals_and_stand_above_their_agents(whole: Importing) -> None:
    """35 agents, 6 managers who have no row of their own."""
    registered = [e for e in whole.events() if isinstance(e.payload, principal.Registered)]
    by_id = {event.originator_id: event.payload for event in registered}
    agents = [event.payload for event in registered if event.payload.manager_id is not None]
    assert len(agents) == 35
    anna = next(agent for agent in agents if agent.name == "Anna Snelling")
    assert by_id[anna.manager_id].name == "Dustin Brinkmann"
    assert (anna.region, by_id[anna.manager_id].region) == ("Central", "Central")


def test_a_row_that_was_changed_is_reported_and_changes_nothing(empty: Importing, tmp_path: Path) -> None:
    """An import only adds; the next rows are taken all the same, a changed spelling is no change."""
    lines = original("sales_pipeline")[1:4]
    empty.run(folder_with(tmp_path / "first", deals=lines))
    mark = empty.follower.high_water_mark()
    changed = [lines[0].replace("1054", "1055"), lines[1].replace("GTXPro", "GTX Pro"), lines[2]]
    report = empty.run(
        folder_with(tmp_path / "second", deals=changed, products=["GTX Basic,GTX,551", *PRODUCTS[1:]])
    )
    assert [(problem.file, problem.line) for problem in report.failed] == [
        ("products.csv", 2),
        ("sales_pipeline.csv", 2),
    ]
    assert all("imported before, with other content" in problem.sentence for problem in report.failed)
    assert (report.created, report.unchanged) == (0, 41 + 85 + 6 + 2)
    assert report.summary() == "0 records created, 134 unchanged; 2 rows were not taken."
    assert empty.follower.high_water_mark() == mark


def test_progress_counts_every_row_to_the_end(empty: Importing, tmp_path: Path) -> None:
    """Also those that are refused: the bar must reach its end."""
    seen: list[tuple[int, int]] = []
    broken = ["only,three,fields", "X1,Nobody,GTX Basic,,Prospecting,,,"]
    folder = folder_with(tmp_path / "files", deals=[*original("sales_pipeline")[1:2500], *broken])
    report = empty.run(folder, progress=lambda done, total: seen.append((done, total)))
    total = 41 + 7 + 85 + 2499 + 2
    assert seen == sorted(seen)
    assert {each[1] for each in seen} == {total}
    assert seen[-1][0] == total == report.created + len(report.failed)


PRODUCTS = original("products")[1:]
