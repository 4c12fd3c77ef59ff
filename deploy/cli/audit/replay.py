"""`rapport audit timeline|state|diff|step|export`: what happened to a record, replayed.

Private values stay closed unless `--open` asks for them, which needs the keys.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID, uuid4

import typer

from deploy.cli.audit.moments import (
    AtOption,
    KnownAtOption,
    VersionOption,
    after_event,
    moment_of,
    point_of,
    time_of,
)
from deploy.cli.audit.open import open_
from deploy.cli.output import JsonOption, finish, number
from deploy.settings import load

if TYPE_CHECKING:
    from commands.audit.history import Histories, Scope
    from commands.audit.timeline import Names
    from commands.store.application import Crm
    from deploy.wiring.wiring import Wiring
    from domain.events.event import Actor

PURPOSE: Final = "audit.cli"
"""The purpose that is recorded when these commands open private values."""


def record_type(name: str) -> str:
    """The name of a record type whose history is replayed."""
    from domain.kernel.errors import Invalid
    from domain.record_types import audited

    try:
        return audited(name).name
    except Invalid as error:
        raise typer.BadParameter(str(error)) from None


class Form(StrEnum):
    """What an export holds."""

    RAW = "raw"
    DECODED = "decoded"
    READABLE = "readable"


KindArgument = Annotated[
    str,
    typer.Argument(
        help="What it is: a record type, such as customer, lead or case.", metavar="KIND", parser=record_type
    ),
]
IdArgument = Annotated[UUID, typer.Argument(help="Its id.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Shows private values too; needs the keys.")]


def register(noun: typer.Typer) -> None:
    """Adds the verbs to `rapport audit`."""
    for verb in (timeline, state, diff, step, export):
        noun.command(verb.__name__)(verb)
    noun.command("open")(open_)


def timeline(
    kind: KindArgument,
    id: IdArgument,
    full: Annotated[
        bool, typer.Option("--full/--compact", help="Each event with what it changed, or a line per cause.")
    ] = False,
    start: Annotated[
        str | None, typer.Option("--from", help="What happened at this business time or later.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="What happened before this business time.")] = None,
    after: Annotated[int, typer.Option(min=0, help="What stands behind this position.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many events.")] = 500,
    open: OpenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Who did what, when and why, oldest first, grouped by what caused it.

    A customer's history holds all that is this customer now: merged members, a converted lead, its contacts,
    opportunities, cases and interactions.
    """
    from commands.audit.text_format import group_lines
    from commands.audit.timeline import Period, group_json, grouped, page_of

    period = Period(start=time_of("--from", start), end=time_of("--to", end))
    with _auditing(kind, id, opened=open) as at:
        at.histories.require(at.scope.kind, id)
        page = page_of(at.histories, at.scope, after=after, limit=limit, period=period, full=full)
        groups = grouped(page.steps)
        data = {
            "kind": kind,
            "id": str(id),
            "parties": [str(party) for party in at.scope.parties],
            "groups": [group_json(group, at.names, full=full) for group in groups],
            "after": page.after,
            "continues": page.as_of,
        }
        text = [line for group in groups for line in group_lines(group, at.names, full=full)]
    text = text or ["Nothing happened in that time."]
    if page.after is not None:
        text.append(f"There is more: go on with --after {page.after}.")
    finish(as_json=as_json, data=data, text=text)


def state(
    kind: KindArgument,
    id: IdArgument,
    at: AtOption = None,
    version: VersionOption = None,
    known_at: KnownAtOption = None,
    open: OpenOption = False,
    as_json: JsonOption = False,
) -> None:
    """A record's fields, now or at a moment, replayed from its events."""
    from commands.audit.replay import state_at
    from commands.audit.text_format import field_lines
    from commands.audit.timeline import state_json

    moment = moment_of(at, version, known_at)
    with _auditing(kind, id, opened=open) as auditing:
        found = state_at(auditing.scope.kind, id, auditing.histories.facts(auditing.scope.kind, id), moment)
    finish(as_json=as_json, data=state_json(found), text=[after_event(found), *field_lines(found.fields)])


def diff(
    kind: KindArgument,
    id: IdArgument,
    start: Annotated[
        str, typer.Option("--from", help="A version, or a business time; 0 is before its first event.")
    ] = "0",
    end: Annotated[
        str | None, typer.Option("--to", help="A version, or a business time; now where unset.")
    ] = None,
    open: OpenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Each field that changed between two moments, before and after, and the event that did it."""
    from commands.audit.replay import NEWEST
    from commands.audit.replay import diff as differences
    from commands.audit.text_format import difference_lines
    from commands.audit.timeline import difference_json

    first = point_of("--from", start)
    last = NEWEST if end is None else point_of("--to", end)
    with _auditing(kind, id, opened=open) as at:
        found = differences(at.histories.facts(at.scope.kind, id), first, last)
        names = at.names
        data = {
            "kind": kind,
            "id": str(id),
            "fields": [difference_json(each, names) for each in found],
        }
    finish(as_json=as_json, data=data, text=list(difference_lines(found)) or ["Nothing changed in between."])


def step(
    kind: KindArgument,
    id: IdArgument,
    version: Annotated[int | None, typer.Option(min=1, help="Only the step to this version.")] = None,
    open: OpenOption = False,
    as_json: JsonOption = False,
) -> None:
    """A record's events one by one, each with the fields that it changed."""
    from commands.audit.replay import Moment, steps
    from commands.audit.text_format import step_lines
    from commands.audit.timeline import step_json

    with _auditing(kind, id, opened=open) as at:
        facts = at.histories.facts(at.scope.kind, id)
        until = Moment(version=version).of(facts)
        found = list(steps(until))[0 if version is None else version - 1 :]
        data = {
            "kind": kind,
            "id": str(id),
            "steps": [step_json(each, at.names) for each in found],
        }
        text = [line for each in found for line in step_lines(each, at.names)]
    finish(as_json=as_json, data=data, text=text)


def export(
    kind: KindArgument,
    id: IdArgument,
    file: Annotated[Path, typer.Argument(help="New file for it.")],
    form: Annotated[
        Form,
        typer.Option(
            help="raw: the stored bytes with seals and proofs, for `audit open`; decoded: JSON lines; "
            "readable: text. The last two are recorded as an event."
        ),
    ] = Form.RAW,
    open: OpenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Writes a history to a file; for a customer, all that is this customer now."""
    if form is Form.RAW and open:
        raise typer.BadParameter(
            "A raw export holds ciphertext alone. Leave --open out, or take --form decoded."
        )
    with _auditing(kind, id, opened=open) as at:
        lines = _lines(at, form)
        events = _write(file, lines)
        position = at.recorded
    text = [f"{number(events)} lines written to {file}."]
    if position is not None:
        text.append(f"It is recorded as the event at position {position}.")
    if form is Form.RAW:
        text.append(f"Check and replay it anywhere, without this installation: `rapport audit open {file}`.")
    finish(
        as_json=as_json,
        data={"file": str(file), "form": form.value, "lines": events, "recorded": position},
        text=text,
    )


@dataclass(slots=True)
class _Auditing:
    """What one command works with; `names` gives names of principals where private values are open."""

    wired: Wiring
    histories: Histories
    scope: Scope
    names: Names | None
    recorded: int | None = None


@contextmanager
def _auditing(kind: str, id: UUID, *, opened: bool) -> Iterator[_Auditing]:
    from commands.audit.history import Histories
    from commands.audit.principal_names import names_from
    from deploy.wiring import wiring

    settings = load()
    with wiring.Wiring(settings) as wired:
        crm = wired.crm if opened else None
        histories = Histories(wired.store_pool, crm)
        yield _Auditing(
            wired, histories, _scope(wired, kind, id), names_from(crm, histories) if crm else None
        )
        if crm is not None and histories.shown and settings.audit_reads != "off":
            _record_reads(crm, histories)


def _record_reads(crm: Crm, histories: Histories) -> None:
    """Records whose private values the command is about to show. If it raises, the command shows none."""
    from commands.dispatch.context import Context
    from commands.privacy.reads import record_reads

    context = Context(actor=_operator(), correlation=uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid4)
    record_reads(crm, context, histories.shown, purpose=PURPOSE, route="rapport audit --open")


def _operator() -> Actor:
    from commands.operations.read_models import principal_id
    from deploy.cli.projection.rebuild import operator
    from domain.events.event import Actor

    return Actor(id=principal_id(operator()), kind="user")


def _scope(wired: Wiring, kind: str, id: UUID) -> Scope:
    """For a customer, all that is this customer now, by the active version of `identity`."""
    from commands.audit.history import Scope
    from projections.control.versions import active, of
    from projections.registry import PROJECTIONS, named

    if kind != "customer":
        return Scope.of_record(kind, id)
    with wired.read_pool.connection() as connection:
        with connection.cursor() as cursor:
            version = of(active(cursor), "identity", PROJECTIONS)
        questions = named("identity", version).queries
        assert questions is not None
        cluster = questions(connection).cluster(id)
    return Scope(
        kind="customer", id=id, parties=cluster.parties, records=cluster.incoming, without=cluster.away
    )


def _lines(at: _Auditing, form: Form) -> Iterator[bytes]:
    """The lines of an export. It records the export before the first line, where that is due."""
    from commands.audit import export as exporting
    from commands.audit.text_format import step_lines

    now = datetime.now(UTC)
    if form is Form.RAW:
        return exporting.raw(at.histories, at.scope, at.wired.secrets.seal_public(), now)
    at.recorded = exporting.record_export(
        at.wired.crm,
        at.histories,
        at.scope,
        "decoded" if form is Form.DECODED else "readable",
        opened=at.histories.opened,
        actor=_operator(),
        now=now,
    )
    if form is Form.DECODED:
        return exporting.decoded(at.histories, at.scope, now, at.names)
    return exporting.readable(at.histories, at.scope, now, lambda step: step_lines(step, at.names))


def _write(file: Path, lines: Iterator[bytes]) -> int:
    """Writes a file that only its owner reads, whole or not at all. Returns its lines. Raises `OSError`."""
    if file.exists():
        raise typer.BadParameter(f"{file} exists already and was not replaced. Name a new file.")
    first = next(lines)  # a record that is not there leaves no file
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(first)
            written = 1
            for line in lines:
                out.write(line)
                written += 1
            out.flush()
            os.fsync(out.fileno())
        os.link(partial, file)  # unlike a rename, never replaces a file
    finally:
        partial.unlink(missing_ok=True)
    return written
