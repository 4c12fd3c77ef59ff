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
from projections.runtime.projection import EventMap, Projection, Row
from tests.support import fingerprints, frozen_histories

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)
WHICH = "pipeline 1"


def test_frozen_histories_hold_every_event_type_and_version() -> None:
    assert frozen_histories.missing() == [], (
        "These types and versions are in no frozen history, so no fingerprint covers them. "
        "Run `python -m tests.support.frozen_histories`, which adds one of their frozen examples; where a "
        "read model folds them, make that a history in which they may happen. Then "
        "`python -m tests.support.fingerprints add NAME VERSION` for each read model that reads them."
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
    with pytest.raises(ValueError, match="It has changed"):
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
    assert f"`python -m tests.support.fingerprints add {WHICH}`" in said
    fingerprints.add(copied)
    assert fingerprints.faults(copied) == []


def test_a_history_that_is_new_has_to_be_covered(copied: Projection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen_histories, "names", lambda _=None: ["01", "02"])
    (said,) = fingerprints.faults(copied)
    assert "does not cover the frozen history 02" in said
    fingerprints.add(copied)
    assert fingerprints.faults(copied) == []
