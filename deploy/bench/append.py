"""Single-event appends by 8 writer processes: our recorder against the library's own for PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlsplit

from deploy.bench.alone import BenchFailed
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.writers import WRITERS, Inserter, append_rate

EVENTS: Final = 16_000
"""Events a round where none are named: two to six seconds each."""


def measure(
    *, app_url: str, reference_url: str, events: int, rounds: int, say: Callable[[str], None]
) -> Measurement:
    """`app_url`: the migrated store as rapport_app; `reference_url`: an empty database of its owner."""
    _create_reference(reference_url)
    seeds = iter(range(1, 1_000_000, WRITERS))
    return interleaved(
        "append",
        unit="events/s",
        what=f"single-event appends, {WRITERS} writer processes, one recorder each",
        reference="eventsourcing.postgres 9.5.6 with its defaults on psycopg 3, the same StoredEvents",
        ours=lambda: append_rate(ours, app_url, events, next(seeds)),
        theirs=lambda: append_rate(library, reference_url, events, next(seeds)),
        rounds=rounds,
        say=say,
    )


def ours(url: str) -> tuple[Inserter, Callable[[], None]]:
    """Our application recorder, with one connection."""
    from commands.store.pool import Pool
    from commands.store.recorder import PostgresApplicationRecorder

    pool = Pool(url, 1)
    return PostgresApplicationRecorder(pool), pool.close


def library(url: str) -> tuple[Inserter, Callable[[], None]]:
    """The library's application recorder with its defaults, on the table made before."""
    factory = _factory(url, create="no")
    return factory.application_recorder(), factory.close


def _create_reference(url: str) -> None:
    # Several processes that create the table at once fail, so it is made here.
    factory = _factory(url, create="yes")
    factory.application_recorder()
    factory.close()


def _factory(url: str, *, create: str):  # type: ignore[no-untyped-def]
    try:
        from eventsourcing.postgres import PostgresFactory
    except ImportError as error:
        raise BenchFailed(
            f"The reference needs psycopg 3, and it is not installed ({error}). Run `make .venv`."
        ) from error
    from eventsourcing.utils import Environment

    parts = urlsplit(url)
    settings = {
        "POSTGRES_DBNAME": parts.path.lstrip("/"),
        "POSTGRES_HOST": parts.hostname or "",
        "POSTGRES_PORT": str(parts.port or 5432),
        "POSTGRES_USER": unquote(parts.username or ""),
        "POSTGRES_PASSWORD": unquote(parts.password or ""),
        "CREATE_TABLE": create,
    }
    return PostgresFactory(Environment(name="Bench", env=settings))
