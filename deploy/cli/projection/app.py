"""`rapport projection list|run|status|failures|retry`: the read models and the processes that keep them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from deploy import logs
from deploy.cli.output import JsonOption, columns, counted, finish, number
from deploy.cli.process import MetricsPortOption, stop_event
from deploy.cli.projection import rebuild
from deploy.health.findings import Diagnostic
from deploy.settings import Settings, load

if TYPE_CHECKING:
    from deploy.health.projection_health import ProjectionHealth
    from projections.control.failures import Failure
    from projections.runtime.projection import Projection

MAX_ROWS: Final = 1_000
"""`failures` lists at most so many aggregates."""

NameArgument = Annotated[str, typer.Argument(help="The read model, from `rapport projection list`.")]
VersionOption = Annotated[int | None, typer.Option(help="Its version; the active one where unset.")]

projection = typer.Typer(no_args_is_help=True, help="The read models and the processes that keep them.")


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    rebuild.register(projection)
    app.add_typer(projection, name="projection")


@projection.command("list")
def list_(as_json: JsonOption = False) -> None:
    """Every read model version this program has."""
    from projections import registry

    known = registry.PROJECTIONS
    rows = [
        {
            "projection": each.name,
            "version": each.version,
            "schema": each.schema,
            "families": list(each.families),
            "views": list(each.views),
        }
        for each in known
    ]
    lines = [
        f"{each.name} version {each.version}: reads {', '.join(each.families)}; "
        f"schema {each.schema}, views {', '.join(f'read.{view}' for view in each.views)}"
        for each in known
    ]
    finish(as_json=as_json, data=rows, text=lines)


@projection.command()
def run(
    name: Annotated[str, typer.Argument(help="The read model, from `rapport projection list`.")],
    version: Annotated[int | None, typer.Option(help="Its version; the newest where unset.")] = None,
    metrics_port: MetricsPortOption = None,
) -> None:
    """Runs one worker of a read model until Ctrl-C or SIGTERM. Several workers share the work."""
    from deploy.wiring import measures, processes, wiring
    from projections.registry import named

    try:
        wanted = named(name, version)
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0])) from None
    settings = load()
    logs.configure(settings.log_level)
    stop = stop_event()
    with wiring.Wiring(settings) as wired:
        worker = processes.worker(wired, wanted)
        with measures.metrics(wired, metrics_port, *measures.worker_figures(wired, wanted, worker)):
            worker.run(stop)


STATUS_COLUMNS: Final = (
    "projection", "state", "position", "head", "lag", "lag seconds", "trend", "eta", "events/s",
    "rows (about)", "parked", "worker s ago",
)  # fmt: skip


FAILURE_COLUMNS: Final = ("aggregate", "category", "position", "behind it", "error")


@projection.command()
def status(as_json: JsonOption = False) -> None:
    """How far each read model is, and what to do about each fault."""
    from deploy.health.projection_health import projection_health

    seen = projection_health(load())
    rows = []
    for row in seen.rows:
        name = f"{row.projection} v{row.version}" + ("" if row.active else " (not active)")
        figures = (
            row.position, row.head, row.lag_events, row.lag_seconds, row.lag_trend, row.time_left, row.rate,
            row.rows, row.parked, row.heartbeat_age,
        )  # fmt: skip
        rows.append((name, row.state, *map(number, figures)))
    finish(
        as_json=as_json,
        data=[asdict(row) for row in seen.rows],
        text=[*columns(STATUS_COLUMNS, rows, right=2), *_verdict(seen)] if rows else [],
        diagnostics=seen.findings,
        failed=not seen.ok,
    )


def _verdict(seen: ProjectionHealth) -> list[str]:
    """One line for readers who do not know the columns; it says that nothing is wrong."""
    behind = [row for row in seen.rows if row.active and row.state != "live"]
    if not seen.ok:
        return []
    if behind:
        names = ", ".join(row.projection for row in behind)
        return [f"Nothing is wrong; {names} {'is' if len(behind) == 1 else 'are'} on the way."]
    return ["Every active read model has all recorded events."]


@projection.command("failures")
def list_failures(
    name: NameArgument,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Parked events of a read model, by aggregate, with what to do about each."""
    from commands.store.pool import connect
    from projections.control.failures import failures

    settings = load()
    wanted = _wanted(settings, name, version)
    with closing(connect(settings.need("read_url"))) as connection, connection.cursor() as c:
        found = failures(c, wanted.name, wanted.version, most=MAX_ROWS + 1)
    more = len(found) > MAX_ROWS
    found = found[:MAX_ROWS]
    text = _lines(found) or [f"{wanted.name} version {wanted.version} has no parked events."]
    if more:
        text.append(f"There are more than these {MAX_ROWS:,}.")
    finish(as_json=as_json, data=[asdict(each) for each in found], text=text)


@projection.command("retry")
def retry_parked(
    name: NameArgument,
    aggregate: Annotated[
        UUID | None, typer.Option(help="Only the parked events of this aggregate, from `failures`.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All parked events.")] = False,
    version: VersionOption = None,
    why: Annotated[str | None, typer.Option(help="The reason, kept with the act.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Applies parked events again, in order. Correct their cause first: what still fails stays parked."""
    from commands.operations.read_models import record_operations
    from commands.store.pool import connect
    from consumers.worker.retry import retry
    from deploy.cli.projection.rebuild import operator
    from deploy.wiring import processes, wiring
    from domain.events.catalogue import CATALOGUE

    if everything == (aggregate is not None):
        raise typer.BadParameter("say either --all or which --aggregate", param_hint="--all/--aggregate")
    settings = load()
    logs.configure("WARNING")
    wanted = _wanted(settings, name, version)
    with wiring.Wiring(settings) as wired:
        done = retry(
            wanted,
            owner_url=processes.rebuild_endpoints(wired).owner_url,
            registry=CATALOGUE,
            cipher=wired.cipher if wanted.private else None,
            aggregate=aggregate,
            by=operator(),
            why=why,
        )
        with closing(connect(processes.rebuild_endpoints(wired).owner_url, autocommit=False)) as connection:
            record_operations(connection, lambda: wired.crm)
    if done.applied or done.failures:
        freed = counted(done.freed, "aggregate waits", "aggregates wait")
        said = f"Applied {counted(done.applied, 'parked event')}; {freed} no more."
    else:
        said = f"{wanted.title} has no such parked events: there is nothing to apply."
    finish(
        as_json=as_json,
        data=asdict(done),
        text=[said, *_lines(done.failures)],
        diagnostics=[
            Diagnostic(
                fact=f"{counted(len(done.failures), 'aggregate is', 'aggregates are')} still parked in "
                f"{wanted.name}.",
                cause=f"The first one fails at position {done.failures[0].position}.",
                act=done.failures[0].act,
            )
        ]
        if done.failures
        else [],
        failed=bool(done.failures),
    )


def _wanted(settings: Settings, name: str, version: int | None) -> Projection:
    """The named read model, in the given version, else in the active one."""
    from commands.store.pool import connect
    from projections.control.versions import active
    from projections.registry import named

    try:
        newest = named(name, version)
        if version is not None:
            return newest
        with closing(connect(settings.need("read_url"))) as connection, connection.cursor() as c:
            return named(name, active(c).get(name, newest.version))
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0])) from None


def _lines(found: Sequence[Failure]) -> list[str]:
    """The waiting aggregates as a table, and what to do about each category once."""
    if not found:
        return []
    rows = [
        (
            each.aggregate_id or f"party {each.party}", each.category, number(each.position),
            number(each.waiting), each.error,
        )
        for each in found
    ]  # fmt: skip
    acts = {each.category: each.act for each in found}
    table = columns(FAILURE_COLUMNS, rows, right=9)
    return [*table, "", *(f"{category}: {act}" for category, act in acts.items())]
