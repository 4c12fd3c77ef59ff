"""`rapport store verify`: reads the whole store in order and reports faults.

    each event   decodes, is of a known type, and says what its row says
    each record  has every version from 1 on, its times and positions never go back, its party never changes
    each seal    is signed, follows the one before, and its events are still those that were sealed
    all          nothing points past the last event, and the next position is a new one

Memory is flat: events come by pages, versions are compared by the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.store.event_reader import EventReader, HighWaterMarkTimeout, StoredRow
from commands.store.pool import connect
from commands.store.seals import Seals
from commands.store.verify_event import RESTORE, Finding, examine
from commands.store.verify_seals import SealCheck
from domain.events.registry import Registry

HIGH_WATER_MARK_SECONDS: Final = 30.0
"""Seconds to wait for running appends to end."""
MAX_FINDINGS: Final = 200
"""Most findings to report one by one; it counts the others."""

# An envelope's members have a fixed order, so the first of that name is the envelope's own. Text order is
# time order. Bytes that are no envelope are another finding, and not compared here.
_TIMES: Final = """
    CASE WHEN position('"time":"'::bytea IN {event}) > 0
         THEN substring({event} FROM position('"time":"'::bytea IN {event}) + 8 FOR 27) END,
    CASE WHEN position('"recordedtime":"'::bytea IN {event}) > 0
         THEN substring({event} FROM position('"recordedtime":"'::bytea IN {event}) + 16 FOR 27) END
"""
_AGGREGATES: Final = f"""
    SELECT e.position, e.aggregate_id, e.version, p.version IS NULL, p.position > e.position,
           p.party <> e.party, t.time < pt.time, t.recorded < pt.recorded
      FROM store.event e
      LEFT JOIN store.event p ON p.aggregate_id = e.aggregate_id AND p.version = e.version - 1,
           LATERAL (SELECT {_TIMES.format(event="e.event")}) t (time, recorded),
           LATERAL (SELECT {_TIMES.format(event="p.event")}) pt (time, recorded)
     WHERE e.position > %s AND e.position <= %s AND e.version <> 1
       AND (p.version IS NULL OR p.position > e.position OR p.party <> e.party
            OR t.time < pt.time OR t.recorded < pt.recorded)
     ORDER BY e.position
"""  # noqa: S608  # texts of ours
_TWICE: Final = """
    SELECT min(position), aggregate_id, version, count(*) FROM store.event
     GROUP BY aggregate_id, version HAVING count(*) > 1 ORDER BY 1 LIMIT %s
"""
_GUARDS: Final = """
    SELECT EXISTS (SELECT FROM pg_constraint c JOIN pg_index i ON i.indexrelid = c.conindid
                    WHERE c.conrelid = 'store.event'::regclass AND c.conname = 'event_aggregate_version'
                      AND c.contype = 'u' AND i.indisvalid AND i.indisunique),
           EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'store.event'::regclass
                      AND tgname = 'hold_append_lock' AND tgenabled IN ('O', 'A'))
"""
_MARKS: Final = """
    SELECT coalesce((SELECT max(position) FROM store.event), 0),
           coalesce((SELECT max(last) FROM store.seal), 0),
           coalesce((SELECT position FROM store.relay), 0),
           (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM store.event_position_seq)
"""
_LOST_END: Final = (
    "The newest events are lost: the database was restored from an older state, or events were deleted."
)
RECOVER: Final = "Run `rapport store recover`: it puts back what the topics still have."


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreVerification:
    """What was looked at: events and seals, behind position `after` up to `upto`, of which all up to `sealed`
    are covered by seals. `findings` are the first ones, `found` counts all."""

    after: int
    upto: int
    sealed: int
    events: int
    seals: int
    found: int
    findings: tuple[Finding, ...]


class Verifier:
    """Verifies the store at `url` (a role that may read it); `key` checks the seals."""

    def __init__(self, url: str, key: Ed25519PublicKey, registry: Registry) -> None:
        self._url, self._key, self._registry = url, key, registry
        self._found = 0
        self._findings: list[Finding] = []

    def run(
        self,
        *,
        first: int = 1,
        last: int | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> StoreVerification:
        """Verifies all, or the whole seals that have the positions from `first` to `last`.

        It calls `progress` with the positions done and the positions in all. Raises the driver's errors.
        """
        self._found, self._findings = 0, []
        events = 0
        with (
            closing(EventReader(self._url)) as follower,
            closing(Seals(self._url)) as seals,
            closing(connect(self._url)) as asking,
            asking.cursor() as at,
        ):
            mark = self._high_water_mark(follower, seals)
            check = SealCheck(seals, self._key, high_water_mark=mark, first=first, last=last)
            after = behind = check.after
            upto = mark if last is None else min(mark, max(last, check.upto))
            for page in _pages(follower, after, upto):
                self._aggregates(at, behind, page[-1].position)
                for row in page:
                    self._take(examine(row, self._registry))
                    self._take(check.add(row))
                events += len(page)
                behind = page[-1].position
                progress(behind - after, upto - after)
            self._take(check.end())
            self._take(marks(at))
            self._take(_guards(at))
        return StoreVerification(
            after=after,
            upto=upto,
            sealed=check.sealed,
            events=events,
            seals=check.count,
            found=self._found,
            findings=tuple(self._findings),
        )

    def _high_water_mark(self, follower: EventReader, seals: Seals) -> int:
        """Up to where to verify; while an append does not end, up to the last seal, and that is a finding."""
        try:
            return follower.high_water_mark(timeout=HIGH_WATER_MARK_SECONDS)
        except HighWaterMarkTimeout as error:
            sealed = seals.last()
            self._take(
                [
                    Finding(
                        kind="no_high_water_mark",
                        fact="An append that began long ago has not ended; what is not sealed was not "
                        "verified.",
                        cause=str(error),
                        act="End its session (see pg_locks and pg_prepared_xacts), then repeat.",
                    )
                ]
            )
            return sealed.last if sealed else 0

    def _take(self, found: Iterable[Finding]) -> None:
        for finding in found:
            self._found += 1
            if len(self._findings) < MAX_FINDINGS:
                self._findings.append(finding)

    def _aggregates(self, at: Any, after: int, upto: int) -> None:
        at.execute(_AGGREGATES, (after, upto))
        self._take(finding for row in at.fetchall() for finding in _broken(*row))


def _pages(follower: EventReader, after: int, upto: int) -> Iterator[Sequence[StoredRow]]:
    while page := follower.read(after, upto):
        yield page
        after = page[-1].position


def _broken(
    position: int,
    aggregate: UUID,
    version: int,
    missing: bool,
    earlier: bool | None,
    party: bool | None,
    time: bool | None,
    recorded: bool | None,
) -> Iterator[Finding]:
    where = f"version {version} of {aggregate}, at position {position},"
    if missing:
        lacks = f"version {version - 1} of it is missing" if version else "versions begin with 1"
        fact, cause = f"There is {where} and {lacks}.", "An event was deleted, or one was put in by hand."
        yield _about("missing_version", position, aggregate, fact, cause)
    changed = "Rows or bytes were changed after they were recorded, or put in by hand."
    if earlier:
        fact = f"For {where} the version before it has a later position."
        yield _about("order", position, aggregate, fact, changed)
    if party:
        fact = f"For {where} the party is not that of the version before it."
        yield _about("party", position, aggregate, fact, changed)
    if time or recorded:
        which = " and ".join(name for name, back in (("time", time), ("recordedtime", recorded)) if back)
        yield _about("time_back", position, aggregate, f"For {where} {which} go back.", changed)


def _about(kind: str, position: int, aggregate: UUID, fact: str, cause: str) -> Finding:
    return Finding(kind=kind, position=position, aggregate=aggregate, fact=fact, cause=cause, act=RESTORE)


def marks(at: Any) -> Iterator[Finding]:
    """Whether anything in the store points past its last event, or the next position was used before."""
    at.execute(_MARKS)
    head, sealed, noted, drawn = at.fetchall()[0]
    for what, mark in (("The seals go", sealed), ("The relay has published", noted)):
        if mark > head:
            yield Finding(
                kind="past_the_head",
                position=mark,
                fact=f"{what} up to position {mark}, and the store's last event is at {head}.",
                cause=_LOST_END,
                act=RECOVER,
            )
    if drawn < max(head, sealed, noted):
        yield Finding(
            kind="sequence_behind",
            position=drawn,
            fact=f"The next position would be {drawn + 1}, and {max(head, sealed, noted)} was used already.",
            cause="The sequence was set back, or the events were loaded without it.",
            act="Run `rapport store recover`: it sets the sequence past every position that was used.",
        )


def _guards(at: Any) -> Iterator[Finding]:
    at.execute(_GUARDS)
    unique, triggered = at.fetchall()[0]
    if not triggered:
        yield Finding(
            kind="unguarded",
            fact="The trigger hold_append_lock of store.event is missing or disabled.",
            cause="Somebody with the owner's rights has removed it; readers may pass over events since.",
            act="Stop what writes, restore the trigger (`commands/store/migrations/sql`), then verify again.",
        )
    if not unique:
        yield Finding(
            kind="unguarded",
            fact="The constraint event_aggregate_version of store.event is missing or not valid.",
            cause="Somebody with the owner's rights has removed it; versions may be there twice since.",
            act="Stop what writes and restore the constraint; where versions are twice, first see below.",
        )
        at.execute(_TWICE, (MAX_FINDINGS,))
        for position, aggregate, version, count in at.fetchall():
            fact = f"Version {version} of {aggregate} is there {count} times, first at position {position}."
            cause = "Events were put in by hand while the constraint was missing."
            yield _about("twice", position, aggregate, fact, cause)
