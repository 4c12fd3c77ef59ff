"""The kinds of records in `identity` and of persons are no closed list, on older read sides neither."""

from __future__ import annotations

import pytest

from projections.release.schema import install
from tests.support.database import PARTITIONS
from tests.support.store import execute

CONSTRAINTS = [
    ("customer_360_v1.person", "person_kind_check", "'customer', 'contact', 'lead'"),
    ("identity_v1.link", "link_kind_check", "'customer', 'lead', 'opportunity', 'case', 'interaction'"),
    ("identity_v1.moved", "moved_kind_check", "'opportunity', 'case', 'interaction'"),
]
STEP = 5


def constraints(url: str) -> list[str]:
    """Those on the kinds of these tables that are there."""
    names = [name for _, name, _ in CONSTRAINTS]
    asked = "SELECT conname FROM pg_constraint WHERE conname = ANY (%s) ORDER BY conname"
    return [name for (name,) in execute(url, asked, (names,))]


@pytest.fixture
def older(fresh_database: str) -> str:
    """A read side as a release before made it."""
    install(fresh_database, partitions=PARTITIONS)
    for table, name, kinds in CONSTRAINTS:
        execute(fresh_database, f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (kind IN ({kinds}))")
    execute(fresh_database, f"DELETE FROM control.migration WHERE number >= {STEP}")
    return fresh_database


def test_a_read_side_made_before_takes_further_kinds_after_the_step(older: str) -> None:
    assert len(constraints(older)) == len(CONSTRAINTS)
    assert STEP in install(older, partitions=PARTITIONS).steps
    assert constraints(older) == []
    assert not install(older, partitions=PARTITIONS).changed
    execute(
        older,
        "INSERT INTO identity_v1.link (party, kind, since, version, position, recorded)"
        " VALUES (gen_random_uuid(), 'order', now(), 1, 1, now())",
    )


def test_the_step_minds_no_version_that_is_missing(older: str) -> None:
    execute(older, "DROP SCHEMA identity_v1 CASCADE")
    assert STEP in install(older, partitions=PARTITIONS).steps
    assert constraints(older) == []


def test_a_new_read_side_never_had_them(fresh_database: str) -> None:
    install(fresh_database, partitions=PARTITIONS)
    assert constraints(fresh_database) == []
