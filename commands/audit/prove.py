"""A proof that one event is under a seal, which can be checked with nothing but SHA-256.

A proof is one JSON object, in UTF-8, with keys in this order:

    {"format": "rapport.proof.v1", "position": 17, "event": "<base64>", "index": 4, "count": 12,
     "path": ["<hex>"], "seal": "<record>", "chain": ["<record>"], "public_key": "<hex>"}

`event` are the stored bytes. Its leaf, SHA-256 of 0x00, the position (8 bytes, big-endian) and these bytes,
stands at `index` (from 0) among the `count` leaves of the tree whose head is the `root` of `seal`; `path` is
its inclusion path as in RFC 9162, 2.1.3.1. `chain` are the records of the seals behind it up to one that was
kept elsewhere, each naming the SHA-256 of the one before as `previous`; empty unless requested.
`deploy/check_proof.py` checks all of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.audit.kept_seal import KeptSeal
from commands.store.event_reader import EventReader, StoredRow
from commands.store.pool import connect
from commands.store.seals import Seals
from domain.events.ids import event_id, parts_of
from domain.events.merkle import proof, root
from domain.events.seal import Seal, leaf_hash, signed_by
from domain.kernel.user_errors import FailureFound

FORMAT: Final = "rapport.proof.v1"
MAX_CHAIN_SEALS: Final = 200_000
"""Most seals between the event's and the kept one: some hundred megabytes of proof."""
_POSITION: Final = "SELECT position FROM store.event WHERE aggregate_id = %s AND version = %s"


class NotProvable(FailureFound):
    """There is no proof of that event. Its text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The members of a proof. `id` is the event's, as its row says."""

    id: str
    position: int
    event: bytes
    index: int
    path: tuple[bytes, ...]
    seal: Seal
    chain: tuple[Seal, ...]
    public: Ed25519PublicKey

    @property
    def encoded(self) -> bytes:
        """The proof's file, with a newline at the end."""
        told = {
            "format": FORMAT,
            "position": self.position,
            "event": base64.b64encode(self.event).decode(),
            "index": self.index,
            "count": self.seal.count,
            "path": [step.hex() for step in self.path],
            "seal": self.seal.record.decode(),
            "chain": [seal.record.decode() for seal in self.chain],
            "public_key": self.public.public_bytes_raw().hex(),
        }
        return json.dumps(told, indent=1).encode() + b"\n"


def prove(url: str, key: Ed25519PublicKey, event: str, kept: KeptSeal | None = None) -> Proof:
    """The proof of an event, which is named by its id (`<record>:<version>`) or its position.

    With `kept` it goes on to that seal. Raises `NotProvable`, and the driver's errors.
    """
    with closing(EventReader(url)) as follower, closing(Seals(url)) as seals:
        position = int(event) if event.isdecimal() else _found(url, event)
        rows = follower.read(position - 1, position)
        if not rows:
            raise NotProvable(f"There is no event at position {position}. Look it up with `rapport sql`.")
        seal = seals.covering(position)
        if seal is None:
            raise NotProvable(
                f"The event at position {position} is not sealed yet. The relay seals it, see `rapport relay "
                "status`; then repeat."
            )
        covered = follower.read(seal.first - 1, seal.last, limit=seal.count + 1, max_bytes=1 << 31)
        made = proof_of(rows[0], covered, seal, key)
        return made if kept is None else _onward(made, kept, seals)


def proof_of(row: StoredRow, covered: Sequence[StoredRow], seal: Seal, key: Ed25519PublicKey) -> Proof:
    """The proof of `row`, which is one of those that `seal` covers. Raises `NotProvable`."""
    leaves = [leaf_hash(one.position, one.event) for one in covered]
    if len(leaves) != seal.count or root(leaves) != seal.root or not signed_by(seal.record, key):
        raise NotProvable(
            f"The seal {seal.sequence} (positions {seal.first} to {seal.last}) does not hold: the store's "
            "events there differ from the sealed ones, or its signature is not this "
            "installation's. `rapport audit "
            "verify` names the event."
        )
    index = next(number for number, one in enumerate(covered) if one.position == row.position)
    return Proof(
        id=event_id(row.aggregate_id, row.version),
        position=row.position,
        event=row.event,
        index=index,
        path=tuple(proof(leaves, index)),
        seal=seal,
        chain=(),
        public=key,
    )


def _onward(made: Proof, kept: KeptSeal, seals: Seals) -> Proof:
    """The same proof with all seals up to the kept one."""
    steps = kept.seal.sequence - made.seal.sequence
    if steps < 0:
        raise NotProvable(
            f"The kept seal {kept.seal.sequence} is older than the event's, {made.seal.sequence}. Name one "
            "that was kept later."
        )
    if steps > MAX_CHAIN_SEALS:
        raise NotProvable(
            f"There are {steps:,} seals between the event's and the kept one; a proof holds "
            f"{MAX_CHAIN_SEALS:,} at the most. Name one that was kept sooner after the event."
        )
    chain: list[Seal] = []
    while len(chain) < steps:
        after = chain[-1].sequence if chain else made.seal.sequence
        page = seals.since(after, limit=min(1000, steps - len(chain)))
        if not page:
            break
        chain += page
    links = [made.seal, *chain]
    follows = all(one.previous == before.hash for before, one in pairwise(links))
    if links[-1].record != kept.seal.record or not follows:
        raise NotProvable(
            f"The store's chain of seals does not lead to the kept seal {kept.seal.sequence}: it was "
            "rewritten. See `rapport audit verify --against FILE`."
        )
    return replace(made, chain=tuple(chain))


def _found(url: str, id: str) -> int:
    try:
        values = parts_of(id)
    except ValueError:
        raise NotProvable(
            f"{id!r} names no event. Give its id, as in <record's id>:<version>, or its position."
        ) from None
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_POSITION, values)
        row = cursor.fetchone()
    if row is None:
        raise NotProvable(f"There is no event {id} in the store. Check the id and the version.")
    return int(row[0])
