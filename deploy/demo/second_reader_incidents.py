"""A second reader of the incident log: what the demo must find, computed without the project.

It uses the standard library alone and shares no line with the import, so that a mistake there cannot hide in
the expected figures as well. It counts by columns that the import does not read: reopened by the log's own
counter, not by moves. Run it by itself: `python deploy/demo/second_reader_incidents.py FOLDER`.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

WAITING: Final = {
    "Awaiting User Info": "customer",
    "Awaiting Evidence": "customer",
    "Awaiting Vendor": "third party",
    "Awaiting Problem": "third party",
}
"""Whom an incident waits for. A move between two states of the same party is no change."""


def log(folder: Path) -> csv.DictReader[str]:
    """The rows of the log, as they stand. Raises `OSError` without the file."""
    text = gzip.decompress((folder / "incident_event_log.csv.gz").read_bytes()).decode("utf-8")
    return csv.DictReader(text.splitlines())


def last_rows(folder: Path) -> list[dict[str, str]]:
    """The row of each incident with the highest update count. Raises `OSError` without the file."""
    last: dict[str, dict[str, str]] = {}
    for row in log(folder):
        kept = last.get(row["number"])
        if kept is None or int(row["sys_mod_count"]) >= int(kept["sys_mod_count"]):
            last[row["number"]] = row
    return list(last.values())


def transitions(folder: Path) -> dict[str, list[tuple[datetime, str]]]:
    """Number of an incident -> what happened to it and when, sorted: another assignment, priority or
    category, another state, a resolution, a reopening, a closing. Nothing happens before the opening, nor
    before what happened before."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in log(folder):
        rows.setdefault(row["number"], []).append(row)
    return {number: sorted(_happened(mine)) for number, mine in rows.items()}


def _happened(rows: list[dict[str, str]]) -> Iterator[tuple[datetime, str]]:
    def early_and_count(row: dict[str, str]) -> tuple[bool, int]:
        """A row from before the opening is the first, though its count is that of a later one."""
        return _time(row, "sys_updated_at") >= _time(row, "opened_at"), int(row["sys_mod_count"])

    rows = sorted(rows, key=early_and_count)
    before = {**rows[0], "incident_state": "New"}
    now = _time(rows[0], "opened_at")
    for row in rows:
        now = max(now, _time(row, "opened_at"), _time(row, "sys_updated_at"))
        for change, columns in (
            ("assigned", ("assignment_group", "assigned_to")),
            ("priority", ("priority",)),
            ("category", ("category",)),
        ):
            if any(row[name] != before[name] for name in columns):
                yield now, change
        old, new = (WAITING.get(each["incident_state"], each["incident_state"]) for each in (before, row))
        if old != new:
            if new in ("Resolved", "Closed"):
                yield now, new.lower()
            else:
                yield now, "reopened" if old in ("Resolved", "Closed") else "state"
        before = row


def _time(row: dict[str, str], column: str) -> datetime:
    return datetime.strptime(row[column], "%d-%m-%Y %H:%M").replace(tzinfo=UTC)


def expected(folder: Path) -> dict[str, int]:
    """What a correct import of `folder` yields, by figure."""
    rows = last_rows(folder)
    return {
        "callers": len({row["caller_id"] for row in rows} - {"?"}),
        "cases": len(rows),
        "cases closed": sum(row["incident_state"] == "Closed" for row in rows),
        "cases reopened": sum(int(row["reopen_count"]) > 0 for row in rows),
        "reopenings": sum(int(row["reopen_count"]) for row in rows),
        "SLA missed by the log": sum(row["made_sla"] == "FALSE" for row in rows),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(expected(Path(sys.argv[1])), indent=2) + "\n")
