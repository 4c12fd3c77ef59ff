"""The summary of the recorder's contract."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.support.contract_summary import lines


def report(
    nodeid: str, outcome: Literal["passed", "failed"] = "passed", when: Literal["setup", "call"] = "call"
) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", 0, ""), {}, outcome, None, when)


def test_each_test_of_the_contract_is_named_with_the_versions_it_held_on() -> None:
    """Given reports of a run, then the contract's tests stand there, each once, by version and outcome."""
    own = "tests/contract/test_recorder_contract.py::test_what_goes_in_comes_out"
    library = "tests/contract/test_library_recorder_contract.py::TestAggregateRecorderOnPostgreSQL"
    assert lines(
        [
            report(f"{own}[postgresql-15-insert_bulk]"),
            report(f"{own}[postgresql-15-insert_events]"),
            report(f"{own}[postgresql-18-insert_bulk]", "failed"),
            report(f"{own}[postgresql-18-insert_events]", when="setup"),
            report(f"{library}15::test_insert_and_select"),
            report(f"{library}18::test_insert_and_select", "failed", "setup"),
            report("tests/unit/test_other.py::test_it"),
        ]
    ) == [
        "eventsourcing's AggregateRecorderTestCase: insert and select: failed on PostgreSQL 18 (1),"
        " passed on PostgreSQL 15 (1)",
        "recorder contract: what goes in comes out: failed on PostgreSQL 18 (1), passed on PostgreSQL 15 (2)",
    ]
