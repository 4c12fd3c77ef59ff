"""The store's chain of seals beside what others have of it: seals that were kept elsewhere, and the topics.

Whoever holds the database and the signing key can write another history, with seals that fit it. It shows
only where somebody else has a seal of the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.audit.kept_seal import KeptSeal
from commands.store.seals import Seals
from commands.store.verify_event import RESTORE, Finding
from domain.events.merkle import root
from domain.events.seal import Seal, key_id, leaf_hash, signed_by
from domain.kernel.errors import Undecodable

T = TypeVar("T")
WINDOW_RECORDS: Final = 100_000
"""Most seals after a fork that the search for the first one with other events reads."""


class CopyAway(Exception):
    """The copy is not available. Its text is a sentence."""


class Copy(Protocol):
    """A copy of the same history elsewhere. Every method raises `CopyAway`."""

    def head(self) -> Seal | None:
        """Its last seal; None where it has none. Parsed, not checked against a key."""
        ...

    def seals(self, passed: Callable[[Seal], bool]) -> Iterator[Seal]:
        """Its seals in order, from the first for which `passed` is false; it is true up to some seal."""
        ...

    def events(self, seal: Seal) -> Sequence[tuple[int, bytes]]:
        """Position and bytes of what it has in the range of the seal, in order; not checked against it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Where the copy's chain and the store's part.

    `other` is the copy's first seal that covers other events than the store's of that number; None where
    only the seals' records differ, or it has no more seals.
    """

    findings: tuple[Finding, ...] = ()
    other: Seal | None = None


class OptionalCopy:
    """A copy that may be away or missing: then it shows nothing, and `why_not` says why."""

    def __init__(self, copy: Copy | None) -> None:
        self._copy = copy
        self.why_not: str | None = None if copy is not None else "They were not asked."

    def head(self) -> Seal | None:
        """The copy's last seal."""
        found = self._ask(lambda copy: copy.head())
        if found is None and self.why_not is None:
            self._copy, self.why_not = None, "They hold no seal."
        return found

    def proven(self, seal: Seal) -> Sequence[tuple[int, bytes]] | None:
        """Returns the sealed events, byte for byte; None if the copy is away or lacks them too."""
        found = self._ask(lambda copy: copy.events(seal))
        if found is None or len(found) != seal.count:
            return None
        leaves = [leaf_hash(position, event) for position, event in found]
        return found if root(leaves) == seal.root else None

    def fork(self, head: Seal | None, seals: Seals, key: Ed25519PublicKey, last: Seal | None) -> Fork:
        """See `beside_copy`."""
        return self._ask(lambda copy: beside_copy(copy, head, seals, key, last)) or Fork()

    def _ask(self, question: Callable[[Copy], T]) -> T | None:
        if self._copy is None:
            return None
        try:
            return question(self._copy)
        except CopyAway as away:
            self._copy, self.why_not = None, str(away)
            return None


def beside_kept(
    kept: Sequence[KeptSeal], seals: Seals, key: Ed25519PublicKey, last: Seal | None
) -> Iterator[Finding]:
    """Compares the seals kept elsewhere with the store's, whose newest is `last`."""
    same: Seal | None = None
    for one in sorted(kept, key=lambda each: each.seal.sequence):
        theirs = one.seal
        where = f"The kept seal {theirs.sequence} (up to position {theirs.last})"
        if last is not None and theirs.store != last.store:
            yield Finding(
                kind="other_store",
                fact=f"{where} is of another store, {theirs.store}; this one is {last.store}.",
                cause="It was kept of another installation, or this store was put in the place of another.",
                act="Name a seal of this store.",
            )
            continue
        if one.public.public_bytes_raw() != key.public_bytes_raw():
            yield Finding(
                kind="other_key",
                position=theirs.last,
                fact=f"{where} was signed with the key {key_id(one.public)}, and this installation's key is "
                f"{key_id(key)}.",
                cause="The key files were exchanged; with them every seal could be signed anew.",
                act=f"Put the first key files back from their backup. {RESTORE}",
            )
        if theirs.sequence > (last.sequence if last else 0):
            yield _cut(where, last)
            continue
        if _has(seals, theirs):
            same = theirs
            continue
        after = same.last if same else 0
        yield Finding(
            kind="rewritten",
            position=after + 1,
            fact=f"{where} is not the one that the store has under this number: the history was rewritten, "
            f"with its seals, somewhere at the positions {after + 1} to {theirs.last}.",
            cause="Somebody has replaced events or seals and has sealed the rest anew.",
            act=RESTORE,
        )
        return  # every later one differs as well


def beside_copy(
    copy: Copy, head: Seal | None, seals: Seals, key: Ed25519PublicKey, last: Seal | None
) -> Fork:
    """What the topics' chain, which ends with `head`, says about the store's, whose newest is `last`."""
    if head is None:
        return Fork()
    if not signed_by(head.record, key):
        return Fork(
            findings=(
                Finding(
                    kind="topic_seal",
                    fact=f"The last seal in the topics, number {head.sequence}, is not signed with this "
                    f"installation's key {key_id(key)}.",
                    cause=f"It names the key {head.key}; a stranger wrote it, or the key files are others.",
                    act="Look for who may write there. `rapport relay republish` restores a topic.",
                ),
            )
        )
    if last is not None and head.sequence <= last.sequence and _has(seals, head):
        return Fork()
    found: list[Finding] = []
    if head.sequence > (last.sequence if last else 0):
        found.append(_cut(f"The topics' last seal, {head.sequence} (up to position {head.last})", last))
    for theirs in copy.seals(lambda seal: _has(seals, seal)):
        if theirs.sequence > (last.sequence if last else 0):
            return Fork(findings=tuple(found), other=theirs)
        found.append(_forked(theirs, seals, key))
        return Fork(findings=tuple(found), other=_first_other(copy, theirs, seals))
    return Fork(findings=tuple(found))


def _forked(theirs: Seal, seals: Seals, key: Ed25519PublicKey) -> Finding:
    mine = _by_number(seals, theirs.sequence)
    if mine is not None and not signed_by(mine.record, key):
        which = (
            "The store's is not signed with this installation's key, the topics' is: the store was changed."
        )
    else:
        which = (
            "Both are signed with this installation's key, so one of both was rewritten by somebody who has "
            "it; a seal kept elsewhere (`--against`) tells which."
        )
    return Finding(
        kind="rewritten",
        position=theirs.first,
        fact=f"From the seal {theirs.sequence} on (position {theirs.first}) the store's chain of seals is "
        "not the one that was published.",
        cause=which,
        act=RESTORE,
    )


def _first_other(copy: Copy, fork: Seal, seals: Seals) -> Seal | None:
    """The copy's first seal behind the fork, or the one there, that covers other events than the store's."""
    behind = copy.seals(lambda seal: seal.sequence < fork.sequence)
    for theirs in islice(behind, WINDOW_RECORDS):
        mine = _by_number(seals, theirs.sequence)
        told = (theirs.first, theirs.last, theirs.count, theirs.root)
        if mine is None or (mine.first, mine.last, mine.count, mine.root) != told:
            return theirs
    return None


def _cut(where: str, last: Seal | None) -> Finding:
    ends = f"ends with the seal {last.sequence}, at {last.last}" if last else "has none"
    return Finding(
        kind="cut_tail",
        position=(last.last if last else 0) + 1,
        fact=f"{where} lies past the store's chain of seals, which {ends}.",
        cause="The newest seals and what they cover were deleted, or an older state was restored.",
        act=RESTORE,
    )


def _has(seals: Seals, seal: Seal) -> bool:
    """Whether the store has exactly this seal, and so, as it is a chain, every one before it."""
    mine = _by_number(seals, seal.sequence)
    return mine is not None and mine.record == seal.record


def _by_number(seals: Seals, sequence: int) -> Seal | None:
    try:
        return seals.by_sequence(sequence)
    except Undecodable:
        return None
