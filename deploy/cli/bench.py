"""`rapport bench`: measurements beside their references, in one run on one machine."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.output import Exit, JsonOption, columns, finish, say
from deploy.settings import load

if TYPE_CHECKING:
    from deploy.bench.measure import Measurement
    from deploy.bench.services import Services
    from deploy.bench.timeline import Pages


class What(enum.StrEnum):
    """What can be measured."""

    APPEND = "append"
    RELAY = "relay"
    PROJECTION = "projection"
    TIMELINE = "timeline"


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command("bench")(bench)


def bench(
    what: Annotated[
        list[What] | None, typer.Argument(help="What to measure, one or more; all unless named.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=99, help="Rounds of each and of its reference.")] = 3,
    events: Annotated[
        int | None,
        typer.Option(min=100, help="Events a round. Unset: append 16,000, relay 50,000, projection 100,000."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measures ratios: our rate over that of a reference which does the least that could be done.

    PostgreSQL and Apache Kafka are started for it and removed afterwards. Medians of interleaved rounds; the
    ratio is what can be compared between machines, and only where nothing else runs.
    """
    from deploy.bench.services import services

    wanted = list(dict.fromkeys(what or What))
    settings = load()
    try:
        with services(settings.home, settings.kafka_jars, say) as running:
            found = list(_measured(running, wanted, events, rounds))
            pages = _pages(running, wanted)
    except KeyboardInterrupt:
        say("Interrupted; what was started for it is stopped and removed.")
        raise typer.Exit(Exit.INTERRUPTED) from None
    data = [*(each.as_json() for each in found), *(each.as_json() for each in pages)]
    finish(as_json=as_json, data=data, text=[*(lines(found) if found else ()), *page_lines(pages)])


def _measured(
    running: Services, wanted: Sequence[What], events: int | None, rounds: int
) -> Iterator[Measurement]:
    from deploy.bench import append, projection, relay

    store = running.store()
    if What.APPEND in wanted:
        yield from append.measure(
            app_url=running.store().app,
            reference_url=running.empty(),
            events=events or append.EVENTS,
            rounds=rounds,
            say=say,
        )
    if What.RELAY in wanted:
        yield relay.measure(
            store=store,
            kafka=running.kafka,
            key=running.seal_key,
            events=events or relay.EVENTS,
            rounds=rounds,
            say=say,
        )
    if What.PROJECTION in wanted:
        yield from projection.measure(
            services=running, store=store, events=events or projection.EVENTS, rounds=rounds, say=say
        )


def _pages(running: Services, wanted: Sequence[What]) -> list[Pages]:
    from deploy.bench import timeline

    return timeline.measure(services=running, say=say) if What.TIMELINE in wanted else []


def lines(found: list[Measurement]) -> list[str]:
    """The table, and below it what was measured against what."""
    rows = [
        (
            each.name,
            each.unit,
            f"{median(each.ours):,.0f}",
            f"{median(each.theirs):,.0f}",
            f"{each.ratio:.2f}",
        )
        for each in found
    ]
    rounds = len(found[0].ours) if found else 0
    return [
        *columns(("measured", "unit", "ours", "reference", "ratio"), rows, right=2),
        f"Medians of {rounds} rounds; a ratio above 1 is faster than the reference.",
        *(f"{each.name}: {each.what}; reference: {each.reference}." for each in found),
    ]


def page_lines(pages: Sequence[Pages]) -> list[str]:
    """Times of timeline pages, in the database."""
    rows = [("timeline", "ms", each.what, f"{each.p50:.2f}", f"{each.p95:.2f}") for each in pages]
    return columns(("measured", "unit", "page", "p50", "p95"), rows, right=3) if rows else []
