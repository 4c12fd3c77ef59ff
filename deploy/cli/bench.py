"""`rapport bench`: measurements beside their references, in one run on one machine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import typer

from deploy.bench.benchmarks import BENCHMARKS, Bench, measured
from deploy.bench.findings import Finding, verdict
from deploy.cli.output import Exit, JsonOption, columns, finish, say
from deploy.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command("bench")(bench)


def known(names: list[str] | None) -> list[str]:
    """The named benchmarks, or all of them without names. Raises `typer.BadParameter` for an unknown name."""
    for name in names or ():
        if name not in BENCHMARKS:
            raise typer.BadParameter(f"There is no benchmark {name}. Name one of {', '.join(BENCHMARKS)}.")
    return names or list(BENCHMARKS)


def bench(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WHAT]...",
            help=f"What to measure, one or more of {', '.join(BENCHMARKS)}; all by default.",
            callback=known,
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=99, help="Rounds of each and of its reference.")] = 3,
    events: Annotated[
        int | None,
        typer.Option(min=100, help="Events a round. Unset: what each benchmark needs to be steady."),
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="`growth` up to ten million events.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measures ratios: our rate over that of a reference which does the least that could be done.

    It starts PostgreSQL and Apache Kafka, and removes them afterwards. Figures are medians of interleaved
    rounds. Compare ratios between machines, and only where nothing else runs. A missed goal is a finding, not
    a failure: the exit code says whether it could be measured.
    """
    from deploy.bench.services import services

    settings = load()
    try:
        with services(settings.home, settings.kafka_jars, say) as running:
            given = Bench(services=running, events=events, rounds=rounds, long=long, say=say)
            found = list(measured(what or (), given))
    except KeyboardInterrupt:
        say("Interrupted. The services that it started are stopped and removed.")
        raise typer.Exit(Exit.INTERRUPTED) from None
    finish(as_json=as_json, data=[each.as_json() for each in found], text=report(found))


def report(found: Sequence[Finding]) -> list[str]:
    """A table of each kind of finding, a note on each, and as the last line which goals were missed."""
    lines: list[str] = []
    for titles, group in groupby(found, key=lambda each: each.titles):
        rows = [(*each.cells, each.bound, _yes_no(each.passed)) for each in group]
        words = 1 + titles.index("unit")
        lines += [*columns((*titles, "goal", "passed"), rows, right=words), ""]
    lines += [f"{each.name}: {each.note}" for each in found if each.note]
    return [*lines, verdict(found)]


def _yes_no(passed: bool | None) -> str:
    return "-" if passed is None else "yes" if passed else "no"
