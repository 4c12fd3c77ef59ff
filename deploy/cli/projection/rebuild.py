"""`rapport projection plan|rebuild|pause|resume|abort|verify|swap|rollback|drop`: a read model's versions."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deploy import logs
from deploy.cli.output import JsonOption, counted, finish, number, say
from deploy.cli.progress import showing
from deploy.health.findings import Diagnostic
from deploy.settings import load

if TYPE_CHECKING:
    from consumers.rebuild.rebuild import Endpoints, RebuildProgress, Tell
    from deploy.wiring.wiring import Wiring
    from projections.release.swap import Plan
    from projections.runtime.projection import Projection

NameArgument = Annotated[str, typer.Argument(help="The read model, from `rapport projection list`.")]
CandidateOption = Annotated[
    int | None, typer.Option("--version", help="The candidate; the newest beyond the active one where unset.")
]
WhyOption = Annotated[str | None, typer.Option(help="Why, in words; recorded with who and when.")]
WorkersOption = Annotated[int, typer.Option(min=1, max=64, help="Processes that share the work.")]

WAIT_SECONDS: Final = 600.0
"""How long `rebuild` waits for the candidate's workers."""


class Source(StrEnum):
    """Where a candidate is filled from."""

    STORE = "store"
    KAFKA = "kafka"


@dataclass(frozen=True, slots=True)
class OperatorAct:
    """One act of an operator: the objects of this process, the version, and the operator."""

    wired: Wiring
    endpoints: Endpoints
    projection: Projection
    by: str

    @property
    def owner(self) -> str:
        """The read side's URL as its owner."""
        return self.endpoints.owner_url


def register(noun: typer.Typer) -> None:
    """Adds the verbs to `rapport projection`."""
    for verb in (plan, rebuild, pause, resume, abort, verify, swap, rollback, drop):
        noun.command(verb.__name__)(verb)


def plan(name: NameArgument, version: CandidateOption = None, as_json: JsonOption = False) -> None:
    """Tries a swap, rolls it back, and shows versions, verification and columns. Changes nothing."""
    from projections.registry import PROJECTIONS
    from projections.release import swap as swapping

    with _acting(name, version) as act:
        made = swapping.plan(act.owner, act.projection, PROJECTIONS)
    finish(as_json=as_json, data=made.as_json(), text=_plan_lines(made))


def rebuild(
    name: NameArgument,
    version: CandidateOption = None,
    workers: WorkersOption = 2,
    source: Annotated[
        Source, typer.Option("--from", help="The event store, or the topics alone.")
    ] = Source.STORE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until its workers have caught up.")] = True,
    why: WhyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Builds a candidate anew, or goes on where it stopped. If it is killed, run it again."""
    from consumers.rebuild.operate import opened
    from consumers.rebuild.rebuild import begin, wait_ready
    from consumers.rebuild.run import carry_on
    from projections.control.rebuilds import OVER
    from projections.registry import PROJECTIONS
    from projections.release import swap as swapping

    with _acting(name, version) as act:
        if dry_run:
            made = swapping.plan(act.owner, act.projection, PROJECTIONS)
            finish(as_json=as_json, data=made.as_json(), text=_plan_lines(made))
            return
        under_way = opened(act.projection, act.endpoints)
        if under_way is None or under_way.state in OVER:
            begin(act.projection, act.endpoints, by=act.by, why=why, source=source.value)
        with _shown(act.projection) as tell:
            found = carry_on(act.projection, act.endpoints, workers=workers, tell=tell)
            if wait and found.state == "catching_up":
                found = wait_ready(act.projection, act.endpoints, seconds=WAIT_SECONDS, tell=tell)
    next_act = {
        "catching_up": f"Its workers bring the rest: `rapport projection run {name} --version "
        f"{act.projection.version}`; then verify it.",
        "ready": f"Verify it: `rapport projection verify {name} --version {act.projection.version}`.",
    }.get(found.state, "See `rapport projection status`.")
    finish(
        as_json=as_json,
        data={
            "state": found.state,
            "events": found.events,
            "filled_to": found.filled_to,
            "id": str(found.id),
        },
        text=[
            f"{act.projection.title}: {found.state.replace('_', ' ')}; {number(found.events)} events filled, "
            f"up to position {number(found.filled_to)}. {next_act}"
        ],
    )


def pause(
    name: NameArgument,
    version: Annotated[
        int | None, typer.Option(help="Its version; the one being rebuilt, else the active one, where unset.")
    ] = None,
    why: WhyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stops a rebuild, or a read model's workers, until `resume`."""
    from consumers.rebuild import operate

    with _acting(name, version, paused=True) as act:
        under_way = operate.opened(act.projection, act.endpoints)
        if under_way is not None and under_way.state in ("filling", "catching_up", "ready"):
            operate.pause(act.projection, act.endpoints, by=act.by, why=why)
        else:
            operate.pause_shares(act.projection, act.endpoints, by=act.by, why=why)
    text = f"{act.projection.title} is paused. Go on with `rapport projection resume {name} --version "
    finish(as_json=as_json, data=_about(act), text=[f"{text}{act.projection.version}`."])


def resume(
    name: NameArgument,
    version: Annotated[
        int | None, typer.Option(help="Its version; the one being rebuilt, else the active one, where unset.")
    ] = None,
    workers: WorkersOption = 2,
    why: WhyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Goes on after a pause. The filling of a rebuild goes on in this process, with so many processes."""
    from consumers.rebuild import operate
    from consumers.rebuild.run import carry_on

    with _acting(name, version, paused=True) as act:
        under_way = operate.opened(act.projection, act.endpoints)
        if under_way is not None and under_way.state == "paused":
            found = operate.resume(act.projection, act.endpoints, by=act.by, why=why)
            if found.state == "filling":
                with _shown(act.projection) as tell:
                    carry_on(act.projection, act.endpoints, workers=workers, tell=tell)
        else:
            operate.resume_shares(act.projection, act.endpoints, by=act.by, why=why)
    finish(as_json=as_json, data=_about(act), text=[f"{act.projection.title} goes on."])


def abort(
    name: NameArgument, version: CandidateOption = None, why: WhyOption = None, as_json: JsonOption = False
) -> None:
    """Ends a rebuild for good; the active version stays as it is."""
    from consumers.rebuild import operate

    with _acting(name, version) as act:
        operate.abort(act.projection, act.endpoints, by=act.by, why=why)
    text = (
        f"The rebuild of {act.projection.title} is aborted. Begin again: `rapport projection rebuild {name}`."
    )
    finish(as_json=as_json, data=_about(act), text=[text])


def verify(
    name: NameArgument,
    version: CandidateOption = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many parties, drawn; all where unset.")
    ] = None,
    workers: WorkersOption = 2,
    why: WhyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compares the candidate's rows with an independent fold over the store. Only the candidate waits
    meanwhile."""
    from consumers.rebuild.verify import verify as compare

    with _acting(name, version) as act, _shown(act.projection) as tell:
        found = compare(
            act.projection, act.endpoints, by=act.by, why=why, sample=sample, workers=workers, tell=tell
        )
    what = f"{number(found.parties)} parties, {number(found.events)} events, {number(found.rows)} rows"
    if found.sample is not None:
        what += " (a sample: it does not find rows that no event made)"
    verdict = "is what its events say" if found.passed else "is not what its events say"
    finish(
        as_json=as_json,
        data=found.as_json(),
        text=[
            f"{act.projection.title} {verdict}: {what} compared, up to position "
            f"{number(found.high_water_mark)}."
        ],
        diagnostics=[
            Diagnostic(
                fact=f"{each}.",
                cause=f"Its party is {each.party}." if each.party else "",
                act="Correct the fold under a new version, or rebuild this one.",
            )
            for each in found.differences
        ],
        failed=not found.passed,
    )


def swap(
    name: NameArgument,
    version: CandidateOption = None,
    plan: Annotated[str | None, typer.Option(help="Only if this plan still holds.")] = None,
    why: WhyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Makes a verified candidate the active version: views and API show it from one moment to the next."""
    from projections.registry import PROJECTIONS
    from projections.release import swap as swapping

    with _acting(name, version) as act:
        made = swapping.swap(act.owner, act.projection, PROJECTIONS, by=act.by, why=why, plan=plan)
    text = (
        f"{act.projection.title} is active. Version {made.active} is kept up to date: go back at any time by "
        f"`rapport projection rollback {name}`."
    )
    finish(as_json=as_json, data=made.as_json(), text=[text])


def rollback(name: NameArgument, why: WhyOption = None, as_json: JsonOption = False) -> None:
    """Makes the version that was active before the swap active again."""
    from projections.registry import PROJECTIONS
    from projections.release import swap as swapping

    with _acting(name, None, active_one=True) as act:
        left, back = swapping.rollback(act.owner, name, PROJECTIONS, by=act.by, why=why)
    finish(
        as_json=as_json,
        data={"projection": name, "from": left, "to": back},
        text=[f"{name} version {back} is active again; version {left} is kept up to date beside it."],
    )


def drop(
    name: NameArgument,
    version: Annotated[int, typer.Option(help="The version to remove; never the active one.")],
    why: WhyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Removes a version that is not active, with its rows; its folder may go afterwards."""
    from projections.release import swap as swapping

    # Its folder may be gone already, so the active version stands for the read model here.
    with _acting(name, None, active_one=True) as act:
        swapping.drop(act.owner, name, version, by=act.by, why=why)
    finish(
        as_json=as_json,
        data={"projection": name, "version": version},
        text=[f"{name} version {version} is gone, with its rows. Its folder may go with the next release."],
    )


@contextmanager
def _acting(
    name: str, version: int | None, *, paused: bool = False, active_one: bool = False
) -> Iterator[OperatorAct]:
    """The version of an act: the named one, else the candidate; with `paused` else the active one; with
    `active_one` always the active one.

    At its end the act is recorded as an event. While the store is away it is noted, and recorded later.
    """
    from consumers.rebuild.operate import versions_of
    from deploy.wiring import processes, wiring
    from projections.registry import candidate_of, named

    settings = load()
    logs.configure("WARNING")
    with wiring.Wiring(settings) as wired:
        endpoints = processes.rebuild_endpoints(wired)
        active, under_way = versions_of(endpoints, name)
        try:
            if active_one:
                wanted = named(name, active)
            elif paused:
                wanted = named(name, version or under_way or active)
            else:
                wanted = candidate_of(name, active, version or under_way)
        except KeyError as error:
            raise typer.BadParameter(str(error.args[0])) from None
        try:
            yield OperatorAct(wired, endpoints, wanted, operator())
        finally:
            _record(wired, endpoints)


def _record(wired: Wiring, endpoints: Endpoints) -> None:
    from commands.operations.read_models import record_operations
    from consumers.rebuild.fill import connect_owner

    with closing(connect_owner(endpoints.owner_url, "rapport operations")) as connection:
        left = record_operations(connection, lambda: wired.crm)
    if left:
        say(
            f"The event store takes no events now: {counted(left, 'act')} noted. The API, or the next act, "
            "records what is noted."
        )


def operator() -> str:
    """The operator: the login name of the user who runs this."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


@contextmanager
def _shown(projection: Projection) -> Iterator[Tell]:
    """Shows progress, a new bar for each state."""
    with ExitStack() as stack:
        now: list[Any] = [None, None]

        def tell(progress: RebuildProgress) -> None:
            if now[0] != progress.state:
                stack.close()
                now[0] = progress.state
                title = f"{projection.schema}: {progress.state.replace('_', ' ')}"
                now[1] = stack.enter_context(showing(title, progress.unit))
            report: Callable[[int, int], None] = now[1]
            report(progress.done, progress.whole)

        yield tell


def _about(act: OperatorAct) -> dict[str, Any]:
    return {"projection": act.projection.name, "version": act.projection.version}


def _plan_lines(made: Plan) -> Sequence[str]:
    verified = "verified" if made.verified else f"not verified ({made.state.replace('_', ' ')})"
    lines = [
        f"Plan {made.id}: {made.projection} from version {made.active} to version {made.version}, {verified}."
    ]
    lines += [
        f"  read.{change.view}: "
        + (f"adds {', '.join(change.added)}" if change.added else "the same columns")
        + (f"; {', '.join(change.empty)} will be null" if change.empty else "")
        for change in made.views
    ]
    lines += [
        f"  after a rollback read.{change.view} has {', '.join(change.empty)} as null"
        for change in made.back
        if change.empty
    ]
    return lines
