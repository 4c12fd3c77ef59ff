"""A page of the timeline of a customer with 100,000 entries and five merged members: time in the database."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from commands.store.pool import connect
from deploy.bench.benchmarks import Bench
from deploy.bench.findings import Times
from projections.identity.v1.queries import Identity
from projections.runtime.statements import statement

ENTRIES: Final = 100_000
PAGES: Final = 200
GOAL_MILLISECONDS: Final = 10.0
"""Milliseconds, for 95 of 100 pages."""
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER: Final = UUID(int=16)
MEMBERS: Final = 6
FILL: Final = Path(__file__).parent / "timeline_fill.sql"
PAGE: Final = Path(__file__).parents[2] / "projections" / "customer_360" / "v1" / "sql" / "timeline.sql"


def measure(bench: Bench) -> Iterator[Times]:
    """Newest page, a page anywhere, a rare kind, and as of an earlier time, each 200 times; what the database
    takes, planning included."""
    services, say = bench.services, bench.say
    connection = connect(services.read_side().admin)
    try:
        with connection.cursor() as cursor:
            say(f"timeline: {ENTRIES:,} entries of a customer with {MEMBERS - 1} merged members")
            cursor.execute(FILL.read_text(), {"entries": ENTRIES, "members": MEMBERS})
        cluster = Identity(connection).cluster(CUSTOMER).parameters()
        chance = random.Random(1)  # noqa: S311 - the same pages in every run are what is wanted

        def anywhere() -> dict[str, Any]:
            number = chance.randrange(1, ENTRIES)
            return {"after_time": _instant(number), "after_position": 1_000_000 + number}

        moments: dict[str, Callable[[], dict[str, Any]]] = {
            "newest page": dict,
            "a page anywhere": anywhere,
            "a rare kind (1 in 5,000)": lambda: {"kind": "visit"},
            "as of an earlier time": lambda: {"as_of": _instant(chance.randrange(1, ENTRIES))},
        }
        for what, moment in moments.items():
            milliseconds = tuple(_page(connection, cluster | moment()) for _ in range(PAGES))
            yield Times(name="timeline", what=what, milliseconds=milliseconds, goal=GOAL_MILLISECONDS)
    finally:
        connection.close()


def _instant(number: int) -> datetime:
    return START + timedelta(minutes=number)


def _page(connection: Any, asked: dict[str, Any]) -> float:
    names = ("kind", "channel", "start", "end", "as_of", "known_at", "after_time", "after_position")
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement(PAGE),
            {**dict.fromkeys(names), "limit": 51, **asked},
        )
        ((plan,),) = cursor.fetchall()[0]
    return float(plan["Planning Time"]) + float(plan["Execution Time"])
