"""The health of the read models, from the read side and the store, each of which may be away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg2

from commands.store.event_reader import EventReader
from commands.store.pool import connect
from commands.store.schema import SchemaProblem, check_version
from deploy.health.findings import Diagnostic
from deploy.settings import Settings
from domain.events.envelope import moment, parse
from domain.kernel.errors import Undecodable
from projections import registry
from projections.control import versions
from projections.control.status import Status, projection_status

TIMEOUT_SECONDS: Final = 4
"""How long a database has for its answer."""
STALL_SECONDS: Final = 30.0
BUILDING: Final = frozenset({"candidate", "filling", "ready", "verifying", "verified", "dropped"})
"""A candidate's states in which no worker moves it, or none has to: nothing is read from it yet."""
WELL: Final = frozenset({"live", "catching_up", "retrying"}) | BUILDING


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionHealth:
    """One look. `rows` is empty where the read side could not be asked; `findings` say what to do."""

    rows: tuple[Status, ...]
    findings: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.severity != "error" for finding in self.findings)


def projection_health(settings: Settings) -> ProjectionHealth:
    """The health of every read model. Never raises for a service that is away."""
    findings: list[Diagnostic] = []
    with closing(EventReader(settings.need("store_url"))) as follower:
        head, trouble = _head(settings.need("store_url"), follower)
        if trouble is not None:
            findings.append(trouble)
        rows: tuple[Status, ...] = ()
        try:
            with closing(connect(settings.need("read_url"), connect_timeout=TIMEOUT_SECONDS)) as connection:
                behind = None if head is None else _recorded_behind(follower, head)
                rows = tuple(projection_status(connection, head, recorded_behind=behind))
                with connection.cursor() as c:
                    gone = versions.dropped(c)
        except psycopg2.OperationalError as error:
            findings.append(postgres_away("read side", "read_url", error))
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InsufficientPrivilege):
            findings.append(
                Diagnostic(fact="The read side has not been made yet.", act="Run `rapport migrate`.")
            )
        else:
            findings.extend(_left_out(rows, gone))
    for row in rows:
        ours = registry.has(row.projection, row.version)
        findings.extend(judged(row) if ours else [_without_folder(row)])
    return ProjectionHealth(rows=rows, findings=tuple(findings))


def _left_out(rows: Sequence[Status], dropped: Collection[tuple[str, int]]) -> Iterator[Diagnostic]:
    """The versions of this program that are not in the table, each with why."""
    shown = {(row.projection, row.version) for row in rows}
    for each in registry.PROJECTIONS:
        if (each.name, each.version) in dropped:
            yield Diagnostic(severity="info", fact=versions.again(each))
        elif (each.name, each.version) not in shown:
            yield Diagnostic(
                severity="warning",
                fact=f"{each.title} is not in the database yet.",
                cause="This program has it, and was not installed by `rapport migrate`.",
                act="Run `rapport migrate`.",
            )


def judged(row: Status) -> list[Diagnostic]:
    """What is wrong with one read model, and what to do."""
    name = f"{row.projection} version {row.version}"
    verb = f"--version {row.version}`"
    found = []
    if row.state == "failed":
        found.append(
            Diagnostic(
                fact=f"The candidate {name} is not what its events say, and can't be swapped to.",
                cause=row.reason or "",
                act=f"Correct its fold under a new version, build it again (`rapport projection rebuild "
                f"{row.projection} {verb}), or remove it (`rapport projection drop {row.projection} {verb}). "
                "Readers get the active version meanwhile.",
            )
        )
    elif row.state == "aborted":
        found.append(
            Diagnostic(
                severity="warning",
                fact=f"The rebuild of {name} was given up; its rows are there, and nobody reads them.",
                cause=row.reason or "",
                act=f"Begin anew (`rapport projection rebuild {row.projection} {verb}), or remove it "
                f"(`rapport projection drop {row.projection} {verb}).",
            )
        )
    elif row.state not in WELL:
        state = row.state.replace("_", " ")
        found.append(
            Diagnostic(
                fact=f"The read model {name} is not kept up to date ({state}).",
                cause=row.reason or "",
                act=""
                if row.reason
                else f"See the log of its worker (`rapport projection run {row.projection}`).",
            )
        )
    elif (
        row.state not in BUILDING
        and row.lag_events
        and not row.rate
        and (row.lag_seconds or 0) > STALL_SECONDS
    ):
        found.append(
            Diagnostic(
                fact=f"The read model {name} stands still at {row.position:,}.",
                cause=f"It is {row.lag_events:,} events behind; its worker lives, but nothing arrives.",
                act="See `rapport relay status`, then the log of its worker.",
            )
        )
    if row.parked and row.state != "aborted":
        found.append(
            Diagnostic(
                fact=f"The read model {name} has {row.parked:,} parked events, which it could not apply.",
                cause="The rest of it goes on; what these events changed is missing in what it shows.",
                act=f"See `rapport projection failures {row.projection} --version {row.version}`.",
            )
        )
    return found


def _without_folder(row: Status) -> Diagnostic:
    """A version that the database has and this program has not."""
    fact = f"This program has no folder of {row.projection} version {row.version}, which is in the database."
    if row.active:
        return Diagnostic(
            fact=fact,
            cause="It is the active version, so this is an older release than the one that runs.",
            act="Install the newer release here.",
        )
    return Diagnostic(
        severity="warning",
        fact=fact,
        cause="Its folder was removed before the version was dropped, or this is an older release.",
        act=f"Remove it (`rapport projection drop {row.projection} --version {row.version}`), or run the "
        "release that has it.",
    )


_SHARES: Final = """
    SELECT projection, version, max(position) FROM control.share
     GROUP BY projection, version ORDER BY 1, 2
"""


def past_the_head(settings: Settings) -> list[Diagnostic]:
    """Read models that are past the store's last event: they show what the store lacks. Empty where the store
    or the read side does not answer, or was never made: other checks report that."""
    try:
        # In this order, since no read model has yet what is recorded in between.
        with (
            closing(connect(settings.need("read_url"), connect_timeout=TIMEOUT_SECONDS)) as reading,
            closing(EventReader(settings.need("store_url"))) as follower,
            reading.cursor() as cursor,
        ):
            cursor.execute(_SHARES)
            marks = cursor.fetchall()
            head = follower.head()
    except psycopg2.Error:
        return []
    return [
        Diagnostic(
            fact=f"The read model {projection} version {version} stands at position {position:,}, and the "
            f"store's last event is at {head:,}.",
            cause="The store was restored from an older state, or its newest events were deleted.",
            act="Run `rapport store recover`. If it finds nothing to put back, those events are lost on both "
            f"sides: rebuild the read model with `rapport projection rebuild {projection}`.",
        )
        for projection, version, position in marks
        if position > head
    ]


def postgres_away(what: str, setting: str, error: psycopg2.Error) -> Diagnostic:
    """The finding about a database that doesn't answer; without its password."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return Diagnostic(
        fact=f"PostgreSQL doesn't answer ({what}).",
        cause=f"The driver says: {said.strip().rstrip('.')}.",
        act=f"Start it (`rapport up` on this machine), or correct RAPPORT_{setting.upper()}.",
    )


def _head(url: str, follower: EventReader) -> tuple[int | None, Diagnostic | None]:
    """The store's highest position, or what is wrong."""
    try:
        check_version(url)
        return follower.head(), None
    except SchemaProblem as problem:
        return None, Diagnostic(fact=str(problem))
    except psycopg2.OperationalError as error:
        return None, postgres_away("event store", "store_url", error)


def _recorded_behind(follower: EventReader, head: int) -> Callable[[int], datetime | None]:
    def ask(position: int) -> datetime | None:
        first = follower.read(position, head, limit=1)
        try:
            return moment(parse(first[0].event)["recordedtime"]) if first else None
        except Undecodable:
            return None  # its age is unknown; the worker reports that it can't be read

    return ask
