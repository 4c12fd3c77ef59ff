"""A second reader of the CDNOW file: what the demo must find, computed without the project.

It uses the standard library alone and shares no line with the import, so that a mistake there cannot hide in
the expected figures as well. Run it by itself: `python deploy/demo/second_reader_cdnow.py FOLDER`.
"""

from __future__ import annotations

import gzip
import json
import sys
from decimal import Decimal
from pathlib import Path


def purchases(folder: Path) -> list[tuple[str, str, int, Decimal]]:
    """Customer, day, number of CDs and value in dollars, a line each. Raises `OSError` without the file."""
    text = gzip.decompress((folder / "CDNOW_master.txt.gz").read_bytes()).decode("ascii")
    split = (line.split() for line in text.splitlines()[1:] if line.strip())
    return [(customer, day, int(number), Decimal(value)) for customer, day, number, value in split]


def expected(folder: Path) -> dict[str, int | Decimal]:
    """What a correct import of `folder` yields, by figure. Lines that repeat a line count each."""
    found = purchases(folder)
    customers = {customer for customer, *_ in found}
    return {
        "shop customers": len(customers),
        "purchases": len(found),
        "purchase value": sum((value for *_, value in found), Decimal(0)),
        "CDs": sum(number for _, _, number, _ in found),
        "purchases of value 0": sum(value == 0 for *_, value in found),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(expected(Path(sys.argv[1])), indent=2, default=str) + "\n")
