"""Makes a filled version's keys and indexes again, and collects its statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from functools import partial
from typing import Final

from psycopg2.extensions import cursor as Cursor

from consumers.rebuild.fill import connect_owner
from consumers.rebuild.rebuild import RebuildProgress, Tell
from projections.runtime import indexes as bare

_MAKING: Final = "SET maintenance_work_mem = '256MB'; SET synchronous_commit = off"
_LARGEST: Final = """
    SELECT name FROM unnest(%s::text[]) AS name ORDER BY pg_relation_size(name::regclass) DESC, name
"""

_Act = Callable[[], bool]
"""One step; returns whether it made a key or an index."""


def index(owner_url: str, parts: Sequence[bare.Part], workers: int, tell: Tell) -> None:
    """Makes missing keys and indexes, `workers` at once, the largest tables' first."""
    steps = _steps(owner_url, parts)
    done, running = 0, dict[Future[bool], str]()
    with ThreadPoolExecutor(max_workers=max(1, workers)) as threads:
        try:
            while running or any(steps.values()):
                for table, left in steps.items():
                    if left and table not in running.values():
                        running |= {threads.submit(act): table for act in left.pop(0)}
                for ended in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[ended]
                    if ended.result():
                        done += 1
                        tell(
                            RebuildProgress(
                                state="indexing", done=done, whole=len(parts), unit="keys and indexes"
                            )
                        )
        finally:
            for act in running:
                act.cancel()


def _steps(owner_url: str, parts: Sequence[bare.Part]) -> dict[str, list[list[_Act]]]:
    """Returns the steps of each table: a key locks the table, indexes are made side by side, and statistics
    are collected at the end."""
    with _session(owner_url) as c:
        c.execute(_LARGEST, (sorted({part["table"] for part in parts}),))
        tables = [name for (name,) in c.fetchall()]
    steps: dict[str, list[list[_Act]]] = {}
    for table in tables:
        mine = [part for part in parts if part["table"] == table]
        keys: list[list[_Act]] = [
            [partial(_make, owner_url, part)] for part in mine if part["kind"] == "constraint"
        ]
        others: list[_Act] = [
            partial(_make, owner_url, part) for part in mine if part["kind"] != "constraint"
        ]
        # A table without other indexes has an empty step, which is passed over.
        steps[table] = [*keys, others, [partial(_analyse, owner_url, table)]]
    return steps


def _make(owner_url: str, part: bare.Part) -> bool:
    with _session(owner_url) as c:
        c.execute(_MAKING)
        bare.bring_back(c, part)
    return True


def _analyse(owner_url: str, table: str) -> bool:
    with _session(owner_url) as c:
        c.execute(f"ANALYZE {table}")  # quoted by the catalogue
    return False


@contextmanager
def _session(owner_url: str) -> Iterator[Cursor]:
    with closing(connect_owner(owner_url, "rapport rebuild indexes")) as one, one, one.cursor() as c:
        yield c
