"""`rapport relay run|status|republish`: the process that seals and publishes; lost topics restored."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy import logs
from deploy.cli.output import Exit, JsonOption, columns, counted, envelope, finish, number, say
from deploy.cli.process import MetricsPortOption, stop_event
from deploy.health.findings import Diagnostic
from deploy.settings import load

if TYPE_CHECKING:
    from consumers.relay.republish import RepublishResult

relay = typer.Typer(no_args_is_help=True, help="The relay: seals the store's events and publishes them.")


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    app.add_typer(relay, name="relay")


@relay.command()
def run(metrics_port: MetricsPortOption = None) -> None:
    """Runs a relay until Ctrl-C or SIGTERM; while another relay leads, it stands by."""
    from deploy.wiring import measures, processes, wiring

    settings = load()
    logs.configure(settings.log_level)
    stop = stop_event()
    with wiring.Wiring(settings) as wired:
        relaying = processes.relay(wired)
        with measures.metrics(wired, metrics_port, measures.relay_figures(wired)):
            relaying.run(stop)


@relay.command()
def status(as_json: JsonOption = False) -> None:
    """Who leads, how far store and topics are, and what to do about each fault."""
    from consumers.relay.status import relay_status
    from deploy.wiring.wiring import Wiring, kafka_address

    settings = load()
    with Wiring(settings) as wired:
        wired.refuse_other_schema("relay_url")
    seen = relay_status(settings.need("relay_url"), kafka_address(settings))
    lines = [
        f"state       {seen.state}",
        f"store       head {number(seen.head)}, high-water mark {number(seen.high_water_mark)}, "
        f"sealed to {number(seen.sealed)}",
        f"topics      published to {number(seen.published)}",
        "lag         "
        + (
            "?"
            if seen.lag_events is None
            else f"{counted(seen.lag_events, 'event')}, {number(seen.lag_seconds)} s"
        ),
        f"rate        {number(seen.rate)} events/s",
        f"leader      {seen.leader or '-'}",
        f"heartbeat   {'-' if seen.heartbeat_age is None else f'{number(seen.heartbeat_age)} s ago'}",
    ]
    if seen.ok and seen.lag_events == 0:
        lines.append("All recorded events are sealed and published.")
    elif seen.ok:
        lines.append("The rest is on its way to the topics; there is nothing to do.")
    finish(
        as_json=as_json,
        data=asdict(seen),
        text=lines,
        diagnostics=[Diagnostic(fact=finding) for finding in seen.findings],
        failed=not seen.ok,
    )


@relay.command()
def republish(
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic to restore, such as crm.lead.v1. May be given several times."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All topics; whole ones are read and stay as they are.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Restores lost topics from the store; without names, those that have lost events.

    No relay may lead meanwhile. If it is killed, run it again: it goes on behind the last range.
    """
    from deploy.cli.progress import showing
    from deploy.wiring import processes
    from deploy.wiring.wiring import Wiring

    if topic and every:
        raise typer.BadParameter("give either --topic or --all")
    settings = load()
    logs.configure(settings.log_level)
    at = (0, 0)
    with Wiring(settings) as wired:
        republisher = processes.republisher(wired)
        names = republisher.all_topics if every else tuple(topic or ())
        if dry_run:
            _tell(republisher.plan(names), dry_run=True, as_json=as_json)
            return
        with showing("Republish", "records") as report:

            def progress(done: int, total: int) -> None:
                nonlocal at
                at = done, total
                report(done, total)

            try:
                restored = republisher.run(names, progress)
            except KeyboardInterrupt:
                _interrupted(*at, as_json=as_json)
                raise typer.Exit(Exit.INTERRUPTED) from None
    _tell(restored, dry_run=False, as_json=as_json)


def _tell(restored: RepublishResult, *, dry_run: bool, as_json: bool) -> None:
    topics = [
        {"topic": one.name, "found": one.state, "upto": one.upto, "records": one.due}
        for one in restored.topics
    ]
    rows = [(one.name, one.state, number(one.upto), number(one.due)) for one in restored.topics]
    if restored.records:
        did = "to put back" if dry_run else "put back"
        text = columns(("topic", "found", "up to position", did), rows, right=2)
        which = f"{number(restored.records)} records, up to position {number(restored.position)}"
        end = "are to be put back." if dry_run else "were put back. Start the relay: `rapport relay run`."
        text.append(f"{which}, where what was published ends, {end}")
    else:
        text = [f"Nothing is lost: the topics hold all published events, up to {number(restored.position)}."]
    data = {
        "dry_run": dry_run,
        "topics": topics,
        "position": restored.position,
        "records": restored.records,
    }
    finish(as_json=as_json, data=data, text=text)


def _interrupted(done: int, total: int, *, as_json: bool) -> None:
    sentence = (
        f"Interrupted. {number(done)} of {number(total)} records were put back. Run the same command again: "
        "it goes on behind the last range that was committed."
    )
    if as_json:
        sys.stdout.buffer.write(envelope("failed", {}, [Diagnostic(fact=sentence)]))
        sys.stdout.buffer.flush()
    else:
        say(sentence)
