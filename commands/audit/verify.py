"""`audit verify`: is every sealed event still what was sealed, and if not, which is the first that is not?

Several processes compute every seal of the range again from the stored bytes. `locate` examines seals that do
not hold: the topics' copy of the range names the event, without it the seal's own sums narrow it down. The
chain is compared with seals that were kept elsewhere and with the topics' (`chain`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.audit.chain import Copy, OptionalCopy, beside_kept
from commands.audit.diagnose import Home
from commands.audit.kept_seal import KeptSeal
from commands.audit.locate import Close
from commands.audit.messages import outside
from commands.audit.recompute import DamagedSeal, Job, Recomputation, recomputed
from commands.store.event_reader import EventReader
from commands.store.pool import connect
from commands.store.seals import Seals
from commands.store.verify_event import Finding
from domain.events.seal import Seal
from domain.kernel.errors import Undecodable

MAX_FINDINGS: Final = 200
"""Most findings to report one by one; it counts the others."""
CHUNK_EVENTS: Final = 20_000
CHUNK_SEALS: Final = 1_000
"""What one process takes at a time: whole seals, until either is reached."""
PAGE_ROWS: Final = 10_000
OF_EVENTS: Final = frozenset(
    {"changed", "removed", "inserted", "moved", "range", "contradiction", "cut_tail"}
)
"""The kinds of findings that are about events, not about seals or keys."""

_GROUND: Final = """
    SELECT (SELECT count(*) FROM store.event WHERE position > s.last),
           (SELECT min(position) FROM store.event WHERE position > s.last),
           (SELECT coalesce(max(position), 0) FROM store.event),
           (SELECT min(position) FROM store.event)
      FROM (SELECT coalesce(max(last), 0) FROM store.seal) s (last)
"""
_BEHIND: Final = "SELECT coalesce(max(sequence), 0) FROM store.seal WHERE last < %s"
_COVERING: Final = "SELECT min(sequence) FROM store.seal WHERE last >= %s"
_NEWEST: Final = "SELECT coalesce(max(sequence), 0) FROM store.seal"
_BOUNDS: Final = """
    SELECT coalesce(min(first), 0), coalesce(max(last), 0), coalesce(sum(count), 0) FROM store.seal
     WHERE sequence > %s AND sequence <= %s
"""
_COUNTS: Final = """
    SELECT sequence, count FROM store.seal WHERE sequence > %s AND sequence <= %s ORDER BY sequence LIMIT %s
"""


class Mark(NamedTuple):
    """One end of a range: a position, whose whole seal is meant, or the number of a seal."""

    kind: Literal["position", "seal"]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainVerification:
    """What was looked at: `seals` with `events`, of the positions `first` to `last`.

    `unsealed` events stand behind the store's last seal, from `unsealed_from` on: of those a change can't be
    seen. `not_beside` says why the chain was not compared with the topics', None where it was. `findings` are
    the first ones in order of position, `found` counts all, `named` is the first that is about an event.
    """

    first: int
    last: int
    seals: int
    events: int
    unsealed: int
    unsealed_from: int | None
    not_beside: str | None
    named: Finding | None
    findings: tuple[Finding, ...]
    found: int


def verify(
    url: str,
    key: Ed25519PublicKey,
    *,
    home: Home,
    first: Mark | None = None,
    last: Mark | None = None,
    kept: Sequence[KeptSeal] = (),
    copy: Copy | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ChainVerification:
    """Verifies all that is sealed in the store at `url` (a role that may read it), or a range of it.

    Args:
        key: the public key that seals are checked with.
        home: the partition of a party.
        first: where to begin, `last` where to end; whole seals.
        kept: seals that were kept elsewhere.
        copy: the topics. If they are away, the result says so, and nothing fails.
        workers: processes; one is this one.
        progress: called with the events done and the events in all.

    Raises the driver's errors.
    """
    asked = OptionalCopy(copy)
    with (
        closing(connect(url)) as connection,
        connection.cursor() as cursor,
        closing(Seals(url)) as seals,
        closing(EventReader(url)) as follower,
    ):
        # The topics' head comes first: what is sealed in between is then in the store for sure.
        head = asked.head()
        unsealed, unsealed_from, stored, lowest = _row(cursor, _GROUND)
        after, upto = _span(cursor, first, last)
        low, high, total = _row(cursor, _BOUNDS, (after, upto))
        seen = _Seen(progress, int(total))
        if first is None and lowest is not None and lowest < 1:
            seen.take([outside(lowest)])
        for done in recomputed(list(_jobs(cursor, url, key.public_bytes_raw(), after, upto)), workers):
            seen.add(done)
        newest = _newest(cursor, seals)
        seen.take(list(beside_kept(kept, seals, key, newest)))
        fork = asked.fork(head, seals, key, newest)
        seen.take(fork.findings)
        close = Close(cursor, follower, asked, home=home, stored=stored)
        seen.take(close.look(seen.damaged, fork.other))
    findings = sorted(seen.findings, key=lambda one: high if one.position is None else one.position)
    return ChainVerification(
        first=low,
        last=high,
        seals=seen.seals,
        events=seen.events,
        unsealed=unsealed,
        unsealed_from=unsealed_from,
        not_beside=asked.why_not,
        named=next((one for one in findings if one.kind in OF_EVENTS), None),
        findings=tuple(findings),
        found=seen.found,
    )


class _Seen:
    """What the jobs have found so far."""

    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        self._progress, self._total = progress, total
        self.seals = self.events = self.found = 0
        self.findings: list[Finding] = []
        self.damaged: list[DamagedSeal] = []

    def add(self, done: Recomputation) -> None:
        """One more stretch."""
        self.seals += done.seals
        self.events += done.events
        self.damaged += done.damaged
        self.take(done.findings)
        self.found += done.found - len(done.findings)
        self._progress(min(self.events, self._total), self._total)

    def take(self, findings: Sequence[Finding]) -> None:
        """These as well; beyond the most they are only counted."""
        self.found += len(findings)
        self.findings += findings[: MAX_FINDINGS - len(self.findings)]


def _jobs(cursor: Any, url: str, key: bytes, after: int, upto: int) -> Iterator[Job]:
    """The seals behind `after` up to `upto` in parts of about the same work, in order."""
    begin, end, seals, events = after, after, 0, 0
    while page := _rows(cursor, _COUNTS, (end, upto, PAGE_ROWS)):
        for end, count in page:
            seals += 1
            events += count
            if events >= CHUNK_EVENTS or seals >= CHUNK_SEALS:
                yield Job(url=url, key=key, after=begin, upto=end)
                begin, seals, events = end, 0, 0
    if seals:
        yield Job(url=url, key=key, after=begin, upto=end)


def _span(cursor: Any, first: Mark | None, last: Mark | None) -> tuple[int, int]:
    """The number of the seal before the range, and of its last one."""
    (upto,) = _row(cursor, _NEWEST)
    after = 0
    if first is not None and first.kind == "seal":
        after = min(first.number - 1, upto)
    elif first is not None:
        (after,) = _row(cursor, _BEHIND, (first.number,))
    if last is not None and last.kind == "seal":
        upto = min(last.number, upto)
    elif last is not None:
        (covering,) = _row(cursor, _COVERING, (last.number,))
        upto = upto if covering is None else covering
    return after, upto


def _newest(cursor: Any, seals: Seals) -> Seal | None:
    """The store's last seal that can be read."""
    (number,) = _row(cursor, _NEWEST)
    for sequence in range(number, max(number - MAX_FINDINGS, 0), -1):
        with suppress(Undecodable):
            if (found := seals.by_sequence(sequence)) is not None:
                return found
    return None


def _row(cursor: Any, statement: str, values: tuple[Any, ...] = ()) -> Any:
    return _rows(cursor, statement, values)[0]


def _rows(cursor: Any, statement: str, values: tuple[Any, ...]) -> Any:
    cursor.execute(statement, values)
    return cursor.fetchall()
