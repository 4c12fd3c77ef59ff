"""The recorder's contract in the summary of a test run: each sentence by name, on which PostgreSQL it held.

The run itself shows dots; what the event store promises is worth being read.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import pytest

FOLDER = "tests/contract/"
VERSION = re.compile(r"PostgreSQL-?(\d+)", re.IGNORECASE)


def lines(reports: Iterable[pytest.TestReport]) -> list[str]:
    """A line for each test of the contract: its name, then outcome and number of runs on each version."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for report in reports:
        if report.nodeid.startswith(FOLDER) and (report.when == "call" or report.failed):
            version = VERSION.search(report.nodeid)
            on = f"PostgreSQL {version[1]}" if version else "no database"
            found[_name(report.nodeid)][f"{report.outcome} on {on}"] += 1
    return [
        f"{name}: {', '.join(f'{outcome} ({count})' for outcome, count in sorted(outcomes.items()))}"
        for name, outcomes in sorted(found.items())
    ]


def _name(nodeid: str) -> str:
    """`file: test`, or, of the library's cases, `case: test`."""
    file, *classes, test = nodeid.removeprefix(FOLDER).split("::")
    test = test.partition("[")[0].removeprefix("test_").replace("_", " ")
    where = file.removeprefix("test_").removesuffix(".py").replace("_", " ")
    for name in classes:
        where = "eventsourcing's " + name.removeprefix("Test").partition("On")[0] + "TestCase"
    return f"{where}: {test}"
