"""Histories as files: raw with proofs, decoded, readable. A line at a time, so that memory stays flat.

A file is JSON lines (`readable` alone is text). The first says what it is, the last what it held:

    {"format": "rapport.history.v1", "form": "raw", "kind": ..., "id": ..., "exported": instant, "store": id,
     "public_key": hex, "parties": [id], "records": [id], "without": [id]}
    {"seal": base64 of a seal's record}
    {"position": n, "event": base64 of the stored bytes, "seal": number, "index": n, "path": [hex]}
    {"end": {"events": n, "seals": n, "unsealed": n, "sha256": hex, of all lines before}}

A seal stands ahead of its events; `index` and `path` are the inclusion proof (RFC 9162, 2.1.3) in it. What
was not sealed yet has `"seal": null` and no proof. `decoded` has, in place of seals and proofs, each event as
`commands.audit.timeline.event_json` gives it, with its `data`. The format is for ever: a frozen example
stands in `tests/unit/frozen/history/`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from itertools import chain
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.audit.export_reader import FORMAT
from commands.audit.history import Histories, Scope
from commands.audit.replay import Replay, Step
from commands.audit.timeline import Names, data_of, event_json
from commands.store.application import Crm
from commands.store.event_reader import StoredRow
from domain.events.envelope import instant
from domain.events.event import Actor, Event
from domain.events.merkle import Tree
from domain.events.seal import Seal, leaf_hash
from domain.kernel.aggregate import timestamps
from domain.kernel.user_errors import FailureFound
from domain.kernel.values import RecordTypeName
from domain.privacy.history_export import HistoryExported, HistoryForm

Form = Literal["raw", "decoded", "readable"]


class SealDiffers(FailureFound):
    """The store's events differ from the sealed ones. The text is a sentence."""

    def __init__(self, seal: Seal) -> None:
        super().__init__(
            f"The store's events at the positions {seal.first} to {seal.last} are not those of the seal "
            f"{seal.sequence}, so nothing there can be proven. See what differs: `rapport audit verify`."
        )


def raw(histories: Histories, scope: Scope, public: Ed25519PublicKey, exported: datetime) -> Iterator[bytes]:
    """The lines of a raw export: ciphertext stays ciphertext. Raises `NotFound`, `SealDiffers`."""
    histories.require(scope.kind, scope.id)
    header = {"store": str(histories.store_id()), "public_key": public.public_bytes_raw().hex()}
    end = {"events": 0, "seals": 0, "unsealed": 0}
    digest = sha256()
    for content in chain((_header(scope, "raw", exported) | header,), _proven(histories, scope, end)):
        line = _line(content)
        digest.update(line)
        yield line
    yield _line({"end": end | {"sha256": digest.hexdigest()}})


def _proven(histories: Histories, scope: Scope, end: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Seals, and behind each its events with their proofs; all are counted in `end`."""
    under: _Under | None = None
    for row in histories.rows(scope):
        # After the first event without a seal it looks up no more seals: they would be newer than this
        # export.
        if not end["unsealed"] and (under is None or row.position > under.seal.last):
            under = _under(histories, row)
            if under is not None:
                end["seals"] += 1
                yield {"seal": b64encode(under.seal.record).decode()}
        end["events"] += 1
        end["unsealed"] += under is None
        yield _event(row, under)


class _Under:
    """A seal with the tree of its events."""

    def __init__(self, seal: Seal, events: list[tuple[int, bytes]]) -> None:
        self.seal = seal
        self.indexes = {position: index for index, (position, _) in enumerate(events)}
        self.tree = Tree([leaf_hash(position, encoded) for position, encoded in events])
        if len(events) != seal.count or self.tree.root != seal.root:
            raise SealDiffers(seal)


def _under(histories: Histories, row: StoredRow) -> _Under | None:
    seal = histories.covering(row.position)
    return None if seal is None else _Under(seal, histories.sealed(seal))


def _event(row: StoredRow, under: _Under | None) -> dict[str, Any]:
    proof: dict[str, Any] = {"seal": None}
    if under is not None:
        index = under.indexes[row.position]
        path = [step.hex() for step in under.tree.path(index)]
        proof = {"seal": under.seal.sequence, "index": index, "path": path}
    return {"position": row.position, "event": b64encode(row.event).decode()} | proof


def decoded(
    histories: Histories, scope: Scope, exported: datetime, names: Names | None = None
) -> Iterator[bytes]:
    """The lines of a decoded export: every event at its newest schema version, times in UTC; private values
    in clear or withheld, as `histories` reads them. Raises `NotFound`."""
    histories.require(scope.kind, scope.id)
    yield _line(_header(scope, "decoded", exported) | {"opened": histories.opened})
    events = 0
    for row in histories.rows(scope):
        events += 1
        fact = histories.fact(row)
        yield _line(event_json(fact, names) | {"data": data_of(fact)})
    yield _line({"end": {"events": events}})


def readable(
    histories: Histories,
    scope: Scope,
    exported: datetime,
    tell: Callable[[Step], Iterable[str]],
) -> Iterator[bytes]:
    """The lines of a readable export: `tell` says an event with what it changed. Raises `NotFound`."""
    histories.require(scope.kind, scope.id)
    yield f"History of the {scope.kind} {scope.id}, exported {instant(exported)}\n".encode()
    known: dict[UUID, Replay] = {}
    events = 0
    for row in histories.rows(scope):
        events += 1
        fact = histories.fact(row)
        replayed = known.setdefault(fact.event.originator_id, Replay())
        for line in tell(replayed.step(fact)):
            yield f"{line}\n".encode()
    yield f"{events} events\n".encode()


def record_export(
    crm: Crm, histories: Histories, scope: Scope, form: HistoryForm, *, opened: bool, actor: Actor,
    now: datetime, correlation: UUID | None = None,
) -> int:  # fmt: skip
    """Records the export of a history and returns the event's position. Called before the first line: an
    export that cannot be recorded does not happen. Raises `NotFound`."""
    party = histories.require(scope.kind, scope.id)
    time, recorded = timestamps(None, now=now, last=None)
    event = Event(
        originator_id=uuid4(),
        originator_version=1,
        party=party,
        time=time,
        recorded=recorded,
        correlation=correlation or uuid4(),
        cause=None,
        actor=actor,
        payload=HistoryExported(kind=RecordTypeName(scope.kind), id=scope.id, form=form, opened=opened),
    )
    return crm.record([event])[0]


def _header(scope: Scope, form: Form, exported: datetime) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "form": form,
        "kind": scope.kind,
        "id": str(scope.id),
        "exported": instant(exported),
        "parties": [str(id) for id in scope.parties],
        "records": [str(id) for id in scope.records],
        "without": [str(id) for id in scope.without],
    }


def _line(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
