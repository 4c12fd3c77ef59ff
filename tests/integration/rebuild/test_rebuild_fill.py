"""Filling a candidate from the store: the rows of an independent fold, whatever is bad."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import psycopg2
import pytest

from commands.store.event_reader import StoredRow
from consumers.rebuild import source as rebuild_source
from consumers.rebuild import spill_file
from consumers.rebuild.rebuild import RebuildRefused, begin
from consumers.rebuild.run import carry_on
from consumers.rebuild.verify import verify
from domain.events.catalogue import CATALOGUE
from projections.control import rebuilds
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import PROJECTIONS
from projections.runtime import bulk_load
from projections.runtime.projection import Projection
from projections.runtime.replay import fold_all
from tests.support.candidates import as_candidates, filled, indexes, rows_of
from tests.support.database import migrated
from tests.support.histories import long_history, opened
from tests.support.pipeline_v2 import PIPELINE_V2
from tests.support.read_side import normal
from tests.support.rebuilding import Rebuilding
from tests.support.relaying import Relays
from tests.support.sealed_store import append_sealed
from tests.support.store import execute


@pytest.fixture
def world(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Rebuilding]:
    """A store and a broker; no relay and no worker runs."""
    urls = migrated(fresh_database)
    made = Rebuilding(urls, clean_topics, Relays(urls, clean_topics, tmp_path))
    yield made
    made.close()


def test_every_read_model_is_filled_as_an_independent_fold_says(world: Rebuilding) -> None:
    """And its verification says so too, in processes that open private values for themselves."""
    stored = append_sealed(world.urls, long_history(1_200, every_family=True, spread=40).rows)
    as_candidates(world, *PROJECTIONS)
    for projection in PROJECTIONS:
        before = indexes(world, projection)
        filled(world, projection, events_per_slice=300)
        rows = rows_of(world, projection)
        assert rows == normal(fold_all(projection, stored, CATALOGUE, opened))
        assert indexes(world, projection) == before, "keys or indexes are not as they were"
        shares = world.shares(projection)
        assert {(share["state"], share["position"]) for share in shares} == {("running", stored[-1].position)}
        wanted = sum(row.type.split(".")[1] in projection.families for row in stored)
        assert sum(share["received"] for share in shares) == wanted
        found = verify(projection, world.places, by="tester", workers=2 if projection.private else 1)
        assert found.passed, found.differences
        assert (found.events, found.rows) == (wanted, sum(map(len, rows.values())))

    ((id, key),) = execute(
        world.urls.admin,
        "UPDATE customer_360_v1.person SET name = 'Somebody Else' WHERE id = (SELECT id FROM "
        "customer_360_v1.person WHERE name IS NOT NULL LIMIT 1) RETURNING id::text, party::text",
    )
    ((consent,),) = execute(
        world.urls.admin,
        "DELETE FROM customer_360_v1.consent WHERE id = (SELECT max(id) FROM customer_360_v1.consent) "
        "RETURNING id",
    )
    found = verify(CUSTOMER_360_V1, world.places, by="tester")
    untold = "a value (not shown, since this model has private values)"
    assert sorted(map(str, found.differences)) == [
        f"customer_360_v1.consent, id {consent}: the row is missing",
        f"customer_360_v1.person, id {id}, column name: found {untold}, expected {untold}",
    ]
    assert key in {each.party for each in found.differences}


def edited(row: StoredRow, **members: Any) -> StoredRow:
    """The event with other members in its envelope."""
    return row._replace(event=orjson.dumps(orjson.loads(row.event) | members))


def spoilt(history: Sequence[StoredRow]) -> tuple[list[StoredRow], dict[str, StoredRow]]:
    """The history with a bad event of each category, each of another aggregate; and which they are."""
    rows = list(history)
    bad: dict[str, StoredRow] = {}
    ways: dict[str, Callable[[StoredRow], StoredRow]] = {
        "decode": lambda row: row._replace(event=b"no JSON"),
        "unknown_type": lambda row: edited(row, dataschema="urn:rapport:crm.opportunity.won:99"),
        "apply": lambda row: edited(
            row, data={**orjson.loads(row.event)["data"], "competitor": "\x00", "reason": "\x00"}
        ),
    }
    kinds = {"decode": "stage_changed", "unknown_type": "won", "apply": "lost"}
    for category, way in ways.items():
        taken = {row.party for row in bad.values()}
        number = next(
            n for n, row in enumerate(rows)
            if row.type == f"crm.opportunity.{kinds[category]}" and row.party not in taken
        )  # fmt: skip
        rows[number] = way(rows[number])
        bad[category] = rows[number]
    return rows, bad


@pytest.mark.parametrize(
    ("portion", "flush", "events_per_slice"),
    [(rebuild_source.PORTION_EVENTS, bulk_load.FLUSH_BYTES, 100), (5, 1_000, 1_000)],
)
def test_bad_events_are_parked_and_the_rest_is_filled(
    world: Rebuilding, portion: int, flush: int, events_per_slice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not JSON, one of an unknown version, one with a value that PostgreSQL refuses, seen at the
    end of its slice or in its middle; its slice spilled, or too few to do so. All are received."""
    monkeypatch.setattr(bulk_load, "FLUSH_BYTES", flush)
    monkeypatch.setattr(rebuild_source, "PORTION_EVENTS", portion)
    rows, bad = spoilt(long_history(400, spread=10).rows)
    stored = append_sealed(world.urls, rows)
    as_candidates(world, PIPELINE_V1)
    filled(world, PIPELINE_V1, events_per_slice=events_per_slice)
    found = execute(world.urls.admin, "SELECT position, category FROM control.held ORDER BY position")
    parked = {position for position, _ in found}
    first = {
        category: next(row.position for row in stored if row.event == event.event)
        for category, event in bad.items()
    }
    assert {(first[category], category) for category in bad} <= set(found)
    # What waits is later, and of the same aggregates; where the envelope can't be read, of the same party.
    spoiled_party = bad["decode"].party
    for row in stored:
        if row.position in parked and row.position not in first.values():
            assert row.party == spoiled_party or row.aggregate_id in {b.aggregate_id for b in bad.values()}
    applied = [row for row in stored if row.position not in parked]
    assert rows_of(world, PIPELINE_V1) == normal(fold_all(PIPELINE_V1, applied, CATALOGUE, opened))
    received = sum(share["received"] for share in world.shares(PIPELINE_V1))
    assert received == sum(row.type.startswith("crm.opportunity.") for row in stored)


@pytest.mark.parametrize("room", [True, False], ids=["no folder", "no room, seen while they are read"])
def test_where_events_cannot_be_put_aside_it_is_said_and_they_are_read_one_slice_at_a_time(
    world: Rebuilding,
    tmp_path: Path,
    room: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "taken"
    why = f"No file can be made in {folder} (File exists)."
    if room:
        folder.write_text("")
    else:
        monkeypatch.setattr(spill_file, "BUFFER_BYTES", 0)
        monkeypatch.setattr(spill_file, "SPARE_BYTES", 1 << 60)
        why = f"Less than {1 << 30} GiB are free in {folder}."
    stored = append_sealed(world.urls, long_history(400).rows)
    as_candidates(world, PIPELINE_V1)
    begin(PIPELINE_V1, world.places, by="tester", events_per_slice=50)
    carry_on(PIPELINE_V1, replace(world.places, folder=folder), workers=1)
    assert rows_of(world, PIPELINE_V1) == normal(fold_all(PIPELINE_V1, stored, CATALOGUE, opened))
    assert [record.getMessage() for record in caplog.records if record.name == "consumers.rebuild.fill"] == [
        f"{why} Events are read slice by slice, which takes longer."
    ]


def test_candidates_past_a_restored_store_are_aborted(world: Rebuilding) -> None:
    stored = append_sealed(world.urls, long_history(100, spread=10).rows)
    as_candidates(world, PIPELINE_V2)
    filled(world, PIPELINE_V2)
    last = stored[-1].position
    with closing(psycopg2.connect(world.urls.owner)) as connection, connection, connection.cursor() as c:
        assert rebuilds.abort_past(c, last) == []
        assert rebuilds.abort_past(c, last - 1) == ["pipeline v2"]
        assert rebuilds.abort_past(c, last - 1) == []
    assert {share["state"] for share in world.shares(PIPELINE_V2)} == {"aborted"}


def test_the_active_version_is_not_rebuilt(world: Rebuilding) -> None:
    append_sealed(world.urls, long_history(20, spread=10).rows)
    world.install(PIPELINE_V1)
    with pytest.raises(RebuildRefused, match="version 1 is the active one"):
        begin(PIPELINE_V1, world.places, by="tester")


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)
def test_every_read_model_can_be_sent_to_the_processes_that_fill_it(projection: Projection) -> None:
    """Its functions are ones of a module, not made within another."""
    sent = pickle.loads(pickle.dumps(projection))
    assert sent.title == projection.title
    assert [table.columns for table in sent.tables] == [table.columns for table in projection.tables]
