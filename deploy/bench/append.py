"""Single-event appends by 8 writer processes: our recorder against the library's own for PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from commands.store.mapper import StoredCrmEvent
from deploy.bench.alone import BenchFailed
from deploy.bench.benchmarks import Bench
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.samples import NoSecrets
from deploy.bench.writers import WRITERS, Append, append_rate
from domain.events.catalogue import CATALOGUE
from domain.events.event import SYSTEM
from domain.kernel.money import Money

EVENTS: Final = 16_000
"""Events per round by default: two to six seconds."""
GOAL: Final = 4.5


def measure(bench: Bench) -> Iterator[Measurement]:
    """The recorder, and apart from it whole commands, over the same rounds of the reference."""
    app_url, reference_url, events = (
        bench.services.store().app,
        bench.services.empty(),
        bench.events or EVENTS,
    )
    _create_reference(reference_url)
    seeds = iter(range(1, 1_000_000, WRITERS))
    commands: list[float] = []

    def ours() -> float:
        rate = append_rate(recorder, app_url, events, next(seeds))
        commands.append(append_rate(handlers, app_url, events, next(seeds)))
        return rate

    measured = interleaved(
        "append",
        unit="events/s",
        what=f"single-event appends, {WRITERS} writer processes, one recorder each",
        reference="eventsourcing.postgres 9.5.6 with its defaults on psycopg 3, the same StoredEvents",
        ours=ours,
        theirs=lambda: append_rate(library, reference_url, events, next(seeds)),
        rounds=bench.rounds,
        say=bench.say,
        goal=GOAL,
    )
    yield measured
    yield replace(
        measured,
        name="commands",
        what=f"opportunities opened through the command handlers, {WRITERS} writer processes",
        reference="the same appends of ready events by the library, which decides and encodes nothing",
        ours=tuple(commands),
        goal=None,
    )


def recorder(url: str) -> tuple[Append, Callable[[], None]]:
    """Our application recorder, with one connection."""
    from commands.store.pool import Pool
    from commands.store.recorder import PostgresApplicationRecorder

    pool = Pool(url, 1)
    appending = PostgresApplicationRecorder(pool)
    return lambda event: appending.insert_events([event]), pool.close


def library(url: str) -> tuple[Append, Callable[[], None]]:
    """The library's application recorder with its defaults, on the table made before."""
    factory = _factory(url, create="no")
    appending = factory.application_recorder()
    return lambda event: appending.insert_events([event]), factory.close


def handlers(url: str) -> tuple[Append, Callable[[], None]]:
    """Runs the command that opens an opportunity. It ignores the given event: the command makes its own."""
    from commands.dispatch.context import Context
    from commands.dispatch.dispatcher import Commands
    from commands.store.application import Crm
    from commands.store.idempotency import Idempotency
    from commands.store.identifiers import Identifiers
    from commands.store.mapper import EventMapper
    from commands.store.pool import Pool
    from commands.store.recorder import PostgresApplicationRecorder
    from deploy.configuration.files import load_pipelines
    from deploy.settings import load
    from domain.sales.opportunity.commands import OpenOpportunity

    pool = Pool(url, 1)
    crm = Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(CATALOGUE, NoSecrets()))
    commands = Commands(crm, Idempotency(pool, bytes(32)), load_pipelines(load()), Identifiers(bytes(32)))
    command = OpenOpportunity(pipeline="sales", amount=Money(amount=Decimal(1054), currency="USD"))

    def execute(_: StoredCrmEvent) -> None:
        now = datetime.now(UTC)
        commands.execute(
            command, Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=now, new_id=uuid4)
        )

    return execute, pool.close


def _create_reference(url: str) -> None:
    # Processes that create the table at the same time fail, so it is created here.
    factory = _factory(url, create="yes")
    factory.application_recorder()
    factory.close()


def _factory(url: str, *, create: str):  # type: ignore[no-untyped-def]
    try:
        from eventsourcing.postgres import PostgresFactory
    except ImportError as error:
        raise BenchFailed(
            f"The reference, the library's own PostgreSQL module, needs psycopg 3, and that is not installed "
            f"({error}). It comes with the extra `bench`: run `make .venv`, or `pip install -e '.[bench]'`."
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
