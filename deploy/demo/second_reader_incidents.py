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
from pathlib import Path


def last_rows(folder: Path) -> list[dict[str, str]]:
    """The row of each incident with the highest update count. Raises `OSError` without the file."""
    text = gzip.decompress((folder / "incident_event_log.csv.gz").read_bytes()).decode("utf-8")
    last: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(text.splitlines()):
        kept = last.get(row["number"])
        if kept is None or int(row["sys_mod_count"]) >= int(kept["sys_mod_count"]):
            last[row["number"]] = row
    return list(last.values())


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
