"""The tables, views, functions and grants of all databases change only on purpose."""

from __future__ import annotations

import pytest

from deploy.local.postgres import LocalPostgres
from tests.support import surface, surface_schema


@pytest.fixture(scope="module")
def dumped(postgres: LocalPostgres) -> dict[str, str]:
    return surface_schema.schemas(postgres)


@pytest.mark.parametrize("part", surface_schema.NAMES)
def test_a_schema_is_as_it_was_frozen(dumped: dict[str, str], part: str) -> None:
    name = f"schema/{part}.sql"
    said = surface.difference(name, dumped[name])
    assert not said, said
