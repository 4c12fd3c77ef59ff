"""A read model that was only registered is under every law, and its version is fixed by a fingerprint."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from projections import registry
from projections.runtime.projection import EventMap, Row
from tests.support import fingerprints
from tests.support.histories import long_history
from tests.support.laws import one_party, stopped_anywhere, twice
from tests.support.toy.v1 import TOY_V1, fold

TESTS = Path(__file__).parents[2]
LAWS = {
    "laws/test_law_03_interleaving.py",
    "laws/test_law_04_delivered_twice.py",
    "laws/test_law_05_stop_and_start.py",
    "laws/test_rows_of_one_party.py",
    "unit/projections/test_fingerprints.py",
    "integration/projections/test_projection_tables.py",
    "integration/projections/test_projection_queries.py",
    "integration/rebuild/test_rebuild_fill.py",
}
"""Where each registered read model is tried."""


def read_again(name: str) -> ModuleType:
    """The module of tests, imported as pytest would with the registry of this moment."""
    spec = importlib.util.spec_from_file_location(f"again_{Path(name).stem}", TESTS / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tried(module: ModuleType) -> dict[str, list[str]]:
    """Each test that is run for read models, and for which."""
    found: dict[str, list[str]] = {}
    for name, test in vars(module).items():
        for mark in getattr(test, "pytestmark", []) if name.startswith("test_") else []:
            if mark.name == "parametrize" and mark.args[0] == "projection":
                found[name] = [each.schema for each in mark.args[1]]
    return found


def test_a_new_read_model_is_under_every_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PROJECTIONS", (*registry.PROJECTIONS, TOY_V1))
    found = {name: tried(read_again(name)) for name in LAWS}
    assert [name for name, tests in found.items() if not tests] == []
    every = [each.schema for each in registry.PROJECTIONS]
    assert "toy_v1" in every
    for name, tests in found.items():
        assert {test: schemas for test, schemas in tests.items() if schemas != every} == {}, name
    # And there they hold: those of the laws that a few events can try at once.
    rows = long_history(80).rows
    twice(TOY_V1, rows, [7], 30)
    stopped_anywhere(TOY_V1, rows, [7], [])
    one_party(TOY_V1, rows)


def test_a_new_read_model_is_fixed_by_a_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(TOY_V1.folder, tmp_path / "toy" / "v1")
    toy = replace(TOY_V1, folder=folder)
    monkeypatch.setattr(registry, "PROJECTIONS", (*registry.PROJECTIONS, toy))
    assert fingerprints.faults(toy) == [
        "projections/toy/v1 has no fingerprint.json. Write it: `make freeze`."
    ]
    fingerprints.main(["add", "toy", "1"])
    assert fingerprints.faults(toy) == []

    def other(row: Row | None, event: EventMap) -> Row:
        after = dict(fold(row, event))
        return after | {"events": after["events"] + 1}

    changed = replace(toy, tables=(replace(toy.tables[0], fold=other),))
    faults = fingerprints.faults(changed)
    assert faults
    assert all("make the change in a new version" in fault for fault in faults)
