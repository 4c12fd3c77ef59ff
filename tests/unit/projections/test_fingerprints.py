"""What a read model version yields is fixed: another schema or fold is another version."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import PROJECTIONS
from projections.runtime.projection import EventMap, Projection, Row, Table
from tests.support import fingerprints, frozen_histories

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)
WHICH = "pipeline 1"


def test_frozen_histories_hold_every_event_type_and_version() -> None:
    assert frozen_histories.missing() == [], (
        "These types and versions are in no frozen history, so no fingerprint covers them. "
        "Run `make freeze`, which makes one by running the commands of the record type."
    )


@every_projection
def test_a_version_yields_what_it_always_yielded(projection: Projection) -> None:
    assert fingerprints.faults(projection) == []


@every_projection
def test_the_frozen_histories_reach_every_table(projection: Projection) -> None:
    """A table without a row would be fixed by nothing."""
    reached: set[str] = set()
    for name in frozen_histories.names(projection.families):
        reached |= {table for table, rows in fingerprints.folded(projection, name).items() if rows}
    tables = {table.name for table in projection.tables}
    assert reached >= tables, f"No frozen history writes {', '.join(sorted(tables - reached))}."


@pytest.fixture
def copied(tmp_path: Path) -> Projection:
    """`pipeline` with a folder of its own."""
    folder = shutil.copytree(PIPELINE_V1.folder, tmp_path / "pipeline" / "v1")
    return replace(PIPELINE_V1, folder=folder)


def with_fold(projection: Projection, change: Callable[[Row, EventMap], dict[str, Any]]) -> Projection:
    """The same with a fold whose rows are changed."""
    (table,) = projection.tables

    def fold(row: Row | None, event: EventMap) -> Row:
        after = table.fold(row, event)
        return {**after, **change(after, event)}

    return replace(projection, tables=(replace(table, fold=fold),))


def test_another_fold_under_the_same_version_is_found_and_told_what_to_do(copied: Projection) -> None:
    """One column of one kind of event, by a hair."""

    def change(row: Row, event: EventMap) -> dict[str, Any]:
        return {"competitor": None} if event["type"] == "crm.opportunity.lost" else {}

    (said,) = fingerprints.faults(with_fold(copied, change))
    assert said.startswith("The fold of projections/pipeline/v1 makes other rows of the frozen history 01")
    assert "opportunity_version)" in said
    assert "make the change in a new version, a copy of the folder as v2" in said
    assert said.endswith(f"`python -m tests.support.fingerprints anew {WHICH}`.")
    with pytest.raises(ValueError, match="makes other rows of the frozen history 01"):
        fingerprints.add(with_fold(copied, change))


def test_another_schema_under_the_same_version_is_found(copied: Projection) -> None:
    schema = copied.folder / "schema.sql"
    schema.write_text(schema.read_text().replace("text", "varchar", 1))
    (said,) = fingerprints.faults(copied)
    assert said.startswith("The tables in projections/pipeline/v1/schema.sql were changed")


def test_a_comment_in_the_schema_may_change(copied: Projection) -> None:
    schema = copied.folder / "schema.sql"
    schema.write_text("-- A new remark.\n\n" + schema.read_text())
    assert fingerprints.faults(copied) == []


def test_a_version_without_a_fingerprint_is_told_how_to_get_one(copied: Projection) -> None:
    (copied.folder / fingerprints.FILE).unlink()
    (said,) = fingerprints.faults(copied)
    assert said.endswith("Write it: `make freeze`.")
    fingerprints.add(copied)
    assert fingerprints.faults(copied) == []


def test_a_history_that_is_new_has_to_be_covered(copied: Projection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen_histories, "names", lambda _=None: ["01", "02"])
    (said,) = fingerprints.faults(copied)
    assert "does not cover the frozen history 02. Add it: `make freeze`." in said
    fingerprints.add(copied)
    assert fingerprints.faults(copied) == []


def in_file(projection: Projection) -> dict[str, Any]:
    """The rows that the version's fingerprint has, by history and table."""
    was = fingerprints.kept(projection)
    assert was is not None
    rows: dict[str, Any] = was["rows"]
    return rows


def with_table(projection: Projection, family: str) -> Projection:
    """The same with a table of the records of another family."""

    def keys_of(whose: str) -> Callable[[EventMap], list[str]]:
        return lambda event: [event["subject"]] if event["type"].startswith(f"crm.{whose}.") else []

    def fold(_: Row | None, event: EventMap) -> Row:
        return {"id": event["subject"], "version": int(event["sequence"])}

    own = [replace(table, keys_of=keys_of("opportunity")) for table in projection.tables]
    table = Table(
        name=family, columns={"id": "uuid", "version": "int"}, key="id", keys_of=keys_of(family), fold=fold
    )
    return replace(projection, families=(*projection.families, family), tables=(*own, table))


def test_a_new_record_type_adds_its_histories_and_its_table(copied: Projection) -> None:
    """Given a family that is in none of the histories covered, when it joins the version, then its histories
    are added, and all that was there stays."""
    covered = set(in_file(copied))
    newcomers = {
        row.type.split(".")[1]
        for name in frozen_histories.names()
        if name not in covered
        for row in frozen_histories.history(name)
    }
    old = {row.type.split(".")[1] for name in covered for row in frozen_histories.history(name)}
    before = in_file(copied)
    grown = with_table(copied, min(newcomers - old))
    assert all("does not cover" in said for said in fingerprints.faults(grown))
    fingerprints.add(grown)
    assert fingerprints.faults(grown) == []
    after = in_file(grown)
    assert set(after) > covered
    assert {name: after[name].items() >= tables.items() for name, tables in before.items()} == dict.fromkeys(
        covered, True
    )


def test_a_family_that_old_histories_have_changes_what_they_yield(copied: Projection) -> None:
    """Its events lie behind every position already: the version would have to be built anew."""
    with pytest.raises(ValueError, match=r"frozen history 01 .*\(tables customer\)"):
        fingerprints.add(with_table(copied, "customer"))


def test_a_history_that_is_no_longer_read_is_missed(copied: Projection) -> None:
    said = " ".join(fingerprints.faults(replace(copied, families=())))
    assert "reads no event of the frozen history 01 any more" in said
    with pytest.raises(ValueError, match="any more"):
        fingerprints.add(replace(copied, families=()))
