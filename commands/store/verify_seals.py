"""Checks, seal by seal, that the store's seals are a signed chain and cover the same events as when
sealed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.store.event_reader import StoredRow
from commands.store.seals import Seals
from commands.store.verify_event import RESTORE, Finding
from domain.events.merkle import root
from domain.events.seal import GENESIS, Digest, Seal, key_id, leaf_hash, signed_by
from domain.kernel.errors import Undecodable

PAGE_SEALS: Final = 200


class SealCheck:
    """Takes events in order and compares them with the seals that cover them.

    With `first` and `last` it covers the whole seals that have these positions: `after` and `upto` say from
    behind which position on, up to which, events are to be given. `count` seals were looked at, all events up
    to `sealed` are covered. A seal that ends after the high-water mark is not compared.
    """

    def __init__(
        self,
        seals: Seals,
        key: Ed25519PublicKey,
        *,
        high_water_mark: int,
        first: int = 1,
        last: int | None = None,
    ) -> None:
        self._seals, self._key, self._high_water_mark = seals, key, high_water_mark
        start = seals.covering(first) if first > 1 else None
        end = None if last is None else seals.covering(last)
        self._before: Seal | None = None
        if first > 1:
            self._before = seals.by_sequence(start.sequence - 1) if start else seals.last()
        self._limit = end.sequence if end else None
        self.after = self._before.last if self._before else 0
        self.upto = end.last if end else 0
        self.count, self.sealed = 0, self.after
        self._page: list[Seal] = []
        self._seal: Seal | None = None
        self._leaves: list[bytes] = []
        self._sums: dict[str, Digest] = {}
        self._chain: list[Finding] = []
        self._next()

    def add(self, row: StoredRow) -> Iterator[Finding]:
        """The next event; what is wrong with seals that end before it."""
        yield from self._upto(row.position)
        if self._seal is not None:
            leaf = leaf_hash(row.position, row.event)
            self._leaves.append(leaf)
            self._sums.setdefault(topic_of(row.type), Digest()).add(leaf)

    def end(self) -> Iterator[Finding]:
        """No event comes any more: what is wrong with the seals that are left."""
        yield from self._upto(None)
        yield from self._taken()

    def _taken(self) -> list[Finding]:
        found, self._chain = self._chain, []
        return found

    def _upto(self, position: int | None) -> Iterator[Finding]:
        while self._seal is not None and (position is None or position > self._seal.last):
            yield from self._taken()
            yield from self._compared(self._seal)
            self.count += 1
            self.sealed = self._seal.last
            self._before = self._seal
            self._leaves, self._sums = [], {}
            self._next()

    def _next(self) -> None:
        """Goes on to the next seal, and looks whether it follows the one before."""
        before = self._before
        if not self._page:
            self._page = self._read(before.sequence if before else 0)
        seal = self._page.pop(0) if self._page else None
        ended = seal is not None and (
            seal.last > self._high_water_mark or (self._limit is not None and seal.sequence > self._limit)
        )
        self._seal = None if ended else seal
        if self._seal is not None:
            self._chain += broken(self._seal, before, self._key)

    def _read(self, after: int) -> list[Seal]:
        """Returns the next seals, up to the first that can't be read."""
        unreadable = ""
        for limit in (PAGE_SEALS, 1):
            try:
                return self._seals.since(after, limit=limit)
            except Undecodable as error:
                unreadable = str(error)
        self._chain.append(
            Finding(
                kind="seal_undecodable",
                fact=f"The seal behind number {after} can't be read, so none from there on was compared.",
                cause=f"{unreadable} Its record was changed.",
                act=RESTORE,
            )
        )
        return []

    def _compared(self, seal: Seal) -> Iterator[Finding]:
        if len(self._leaves) == seal.count and root(self._leaves) == seal.root:
            return
        topics = ", ".join(self._differing(seal)) or "none by its sums"
        yield Finding(
            kind="changed",
            position=seal.first,
            fact=f"The seal {seal.sequence} covers {seal.count} events at the positions {seal.first} to "
            f"{seal.last}, and the store holds {len(self._leaves)} there that are not those; what differs "
            f"belongs to {topics}.",
            cause="Events were changed, deleted or put in after they were sealed.",
            act=RESTORE,
        )

    def _differing(self, seal: Seal) -> list[str]:
        """The topics whose events are not those that were sealed."""
        sealed = {
            topic: (
                sum(part.count for part in parts.values()),
                sum(p.total for p in parts.values()) % (1 << 256),
            )
            for topic, parts in seal.partitions.items()
        }
        found = {topic: (digest.count, digest.total) for topic, digest in self._sums.items()}
        return sorted(name for name in {*sealed, *found} if sealed.get(name) != found.get(name))


def broken(seal: Seal, before: Seal | None, key: Ed25519PublicKey) -> Iterator[Finding]:
    """What is wrong with the seal as a link of the chain: its signature by `key`, and whether it follows
    `before` (None: it must be the first)."""
    where = f"The seal {seal.sequence} (positions {seal.first} to {seal.last})"
    if not signed_by(seal.record, key):
        yield Finding(
            kind="seal_signature",
            position=seal.last,
            fact=f"{where} is not signed with this installation's key {key_id(key)}.",
            cause=f"It names the key {seal.key}; its record was changed, or the key files are others.",
            act=f"Put the right key into the secrets folder. If it is the right one: {RESTORE}",
        )
    follows = (before.sequence + 1, before.last + 1, before.hash) if before else (1, 1, GENESIS)
    if (seal.sequence, seal.first, seal.previous) != follows:
        yield Finding(
            kind="seal_chain",
            position=seal.first,
            fact=f"{where} does not follow the seal {before.sequence if before else 0} before it.",
            cause="A seal was deleted or changed.",
            act=RESTORE,
        )


def topic_of(type: str) -> str:
    """The topic of an event type, whatever stands there."""
    family = type.split(".")[1] if type.count(".") else type
    return f"crm.{family}.v1"
