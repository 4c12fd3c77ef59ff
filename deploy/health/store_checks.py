"""What `rapport doctor` looks at in the event store and at the ends of its topics; each takes a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from psycopg2.extensions import cursor

from commands.store import verify
from commands.store.event_reader import EventReader
from commands.store.incarnation import RecoveryNeeded, check_with
from commands.store.pool import connect
from commands.store.verify_event import Finding, examine
from consumers.kafka.tail import Tail
from deploy.health.findings import Diagnostic
from deploy.health.machine_checks import Checkup
from deploy.health.projection_health import past_the_head
from deploy.settings import Settings
from domain.events.catalogue import CATALOGUE

TIMEOUT_SECONDS: Final = 4
NEWEST_EVENTS: Final = 500
"""The check reads so many events at the store's end; `rapport store verify` reads all."""
MAX_SHOWN: Final = 5


@contextmanager
def _asking(settings: Settings) -> Iterator[cursor]:
    with (
        closing(connect(settings.need("store_url"), connect_timeout=TIMEOUT_SECONDS)) as opened,
        opened.cursor() as at,
    ):
        yield at


def incarnation(settings: Settings) -> Checkup:
    """Whether the store knows the server and timeline it is on."""
    with _asking(settings) as at:
        at.execute("SELECT system_identifier, timeline FROM store.server()")
        system, timeline = at.fetchall()[0]
        try:
            check_with(at)
            findings: tuple[Diagnostic, ...] = ()
        except RecoveryNeeded as needed:
            findings = (Diagnostic(fact=str(needed)),)
    return Checkup(name="incarnation", seen=f"server {system}, timeline {timeline}", findings=findings)


def marks(settings: Settings) -> Checkup:
    """Whether anything points past the store's last event: seals, relay, read models, or the next position
    lies before it."""
    with _asking(settings) as at:
        found = [_diagnostic(one) for one in verify.marks(at)]
        at.execute("SELECT coalesce(max(position), 0) FROM store.event")
        head = at.fetchall()[0][0]
    found += past_the_head(settings)
    return Checkup(name="checkpoints", seen=f"the last event is at {head:,}", findings=tuple(found))


def newest_events(settings: Settings) -> Checkup:
    """Whether the newest events are of types that this program knows, and decode."""
    with closing(EventReader(settings.need("store_url"))) as follower:
        head = follower.head()
        rows = follower.read(max(0, head - NEWEST_EVENTS), head, limit=NEWEST_EVENTS)
    found = [_diagnostic(one) for row in rows for one in examine(row, CATALOGUE)]
    if len(found) > MAX_SHOWN:
        more = Diagnostic(
            fact=f"{len(found) - MAX_SHOWN} more of the newest events are like that.",
            act="Run `rapport store verify` for all.",
        )
        found = [*found[:MAX_SHOWN], more]
    return Checkup(name="newest events", seen=f"{len(rows)} looked into", findings=tuple(found))


def prepared_transactions(settings: Settings) -> Checkup:
    """Whether somebody could prepare a transaction that appends, and forget it."""
    with _asking(settings) as at:
        at.execute("SELECT current_setting('max_prepared_transactions')::int")
        most = int(at.fetchall()[0][0])
    wrong = Diagnostic(
        severity="warning",
        fact=f"PostgreSQL lets transactions be prepared (max_prepared_transactions = {most}).",
        cause="One that appended and was forgotten holds up the relay and every read model for ever.",
        act="Rapport needs none: set max_prepared_transactions = 0 and restart PostgreSQL.",
    )
    return Checkup(name="prepared transactions", seen=f"at most {most}", findings=(wrong,) if most else ())


def topics_ahead(settings: Settings, ends: Sequence[Tail]) -> list[Diagnostic]:
    """A finding for each of these ends of topics that lies past the store's last event."""
    with closing(EventReader(settings.need("store_url"))) as follower:
        head = follower.head()
    found = [
        Diagnostic(
            fact=f"The topic {end.topic}, partition {end.partition}, ends with the event at position "
            f"{end.position:,}, and the store's last event is at {head:,}.",
            cause="The store was restored from an older state, or another program wrote into the topic.",
            act="Stop what writes to the store, then run `rapport store recover`: it puts the events back, "
            "or says that no seal covers them. Those are a stranger's: delete that topic, then run "
            "`rapport relay republish`.",
        )
        for end in ends
        if end.position is not None and end.position > head
    ]
    return found[:MAX_SHOWN]


def _diagnostic(finding: Finding) -> Diagnostic:
    return Diagnostic(fact=finding.fact, cause=finding.cause, act=finding.act)
