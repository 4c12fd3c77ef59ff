"""A second reader of the Maven files: what the demo must find, computed without the project.

It uses the standard library alone and shares no line with the import, so that a mistake there cannot hide in
the expected figures as well. Run it by itself: `python deploy/demo/second_reader.py FOLDER`.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

MISSPELT_PRODUCTS = {"GTXPro": "GTX Pro"}


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    """The rows of `<table>.csv` in `folder`, or of `<table>.csv.gz`. Raises `OSError` where neither is."""
    plain = folder / f"{table}.csv"
    raw = plain.read_bytes() if plain.exists() else gzip.decompress((folder / f"{table}.csv.gz").read_bytes())
    return list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))


def expected(folder: Path) -> dict[str, int]:
    """What a correct import of `folder` yields, by figure: numbers of records and events, sums in dollars.

    A principal is an agent or a manager. An opportunity is one event, and one more where it was closed. Open
    ones count at their product's list price.
    """
    agents = rows(folder, "sales_teams")
    products = {row["product"]: Decimal(row["sales_price"]) for row in rows(folder, "products")}
    customers = rows(folder, "accounts")
    deals = rows(folder, "sales_pipeline")
    stages = Counter(deal["deal_stage"] for deal in deals)
    people = {row["sales_agent"] for row in agents} | {row["manager"] for row in agents}
    won = sum((Decimal(deal["close_value"]) for deal in deals if deal["deal_stage"] == "Won"), Decimal(0))
    waiting = [deal["product"] for deal in deals if deal["deal_stage"] in ("Engaging", "Prospecting")]
    listed = sum((products[MISSPELT_PRODUCTS.get(name, name)] for name in waiting), Decimal(0))
    closed = stages["Won"] + stages["Lost"]
    return {
        "principals": len(people),
        "customers": len(customers),
        "products": len(products),
        "opportunities": len(deals),
        "won": stages["Won"],
        "won value": int(won),
        "lost": stages["Lost"],
        "engaging": stages["Engaging"],
        "prospecting": stages["Prospecting"],
        "open at list price": int(listed),
        "without a customer": sum(1 for deal in deals if not deal["account"]),
        "events": len(people) + len(customers) + len(products) + len(deals) + closed,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(expected(Path(sys.argv[1])), indent=2) + "\n")
