"""A raw export opened again, with the file alone: no database, no network, no keys.

Every event's proof is checked against its seal and every seal's signature against the public key; then the
record is replayed. It names faults by line. A file can't show: that nothing was recorded later,
that no other record of a customer was left out, and whose key it names; compare that with one you know.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NoReturn
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.audit.replay import Fact, Kind, fact_of
from commands.privacy.no_key_cipher import NoKeyCipher
from domain.events.envelope import LIMIT
from domain.events.merkle import proves
from domain.events.seal import Seal, key_id, leaf_hash, parse, signed_by
from domain.kernel.errors import DomainError, UnknownEventType
from domain.kernel.user_errors import EnvironmentProblem
from domain.record_types import AUDITED

FORMAT: Final = "rapport.history.v1"

MAX_LINE_BYTES: Final = 2 * LIMIT
"""No line is longer: an event in base64 with its proof."""

_MALFORMED: Final = (orjson.JSONDecodeError, NotBase64, KeyError, ValueError, TypeError, AttributeError)


class NoExport(EnvironmentProblem):
    """The file is no raw export at all. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a file: in which line (from 1), as the beginning of a sentence."""

    line: int
    fact: str


@dataclass(slots=True)
class ExportContents:
    """What a file holds. `proven` events have a proof that holds, `unsealed` none; `facts` are the record's.

    `seals` are the numbers of the first and the last seal that proofs lead to.
    """

    kind: Kind
    id: UUID
    exported: str
    store: UUID
    key: str
    key_given: bool
    events: int = 0
    proven: int = 0
    unsealed: int = 0
    seals: tuple[int, int] | None = None
    facts: list[Fact] = field(default_factory=list)
    others: dict[UUID, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Nothing in it was changed, removed, put in or moved, as far as the file itself can show."""
        return not self.faults


class _Reader:
    """Reads a file line by line, behind its first."""

    def __init__(self, first: bytes, header: Mapping[str, Any], key: Ed25519PublicKey, given: bool) -> None:
        self.found = ExportContents(
            kind=header["kind"],
            id=UUID(header["id"]),
            exported=str(header["exported"]),
            store=UUID(header["store"]),
            key=key_id(key),
            key_given=given,
        )
        self._key = key
        self._seal: Seal | None = None
        self._position, self._seals = 0, 0
        self._versions: dict[UUID, int] = {}
        self._ended = False
        self._digest = sha256(first)

    def fault(self, line: int, fact: str) -> None:
        """Notes what is wrong."""
        self.found.faults.append(Fault(line, fact))

    def take(self, number: int, line: bytes) -> bool:
        """The next line; False where nothing behind it can be made out."""
        try:
            content = orjson.loads(line)
            if "end" not in content:
                self._digest.update(line)
            if self._ended:
                self.fault(number, "Something follows the line that ends the file.")
            elif "seal" in content and "event" not in content:
                self._take_seal(number, b64decode(content["seal"], validate=True))
            elif "event" in content:
                self._take_event(number, content)
            else:
                self._end(number, content["end"])
        except UnknownEventType as error:
            self.fault(number, f"Its event is of a type that this program does not know: {error}")
            return False
        except DomainError as error:
            self.fault(number, str(error))
            return False
        except _MALFORMED:
            self.fault(number, "The line is not one of an export: it was changed or truncated.")
            return False
        return True

    def _take_seal(self, number: int, record: bytes) -> None:
        seal = parse(record)
        self._seals += 1
        if not signed_by(seal.record, self._key):
            self.fault(number, f"The seal {seal.sequence} is not signed with the key {self.found.key}.")
        if seal.store != self.found.store:
            self.fault(number, f"The seal {seal.sequence} is of another store.")
        if seal.first <= self._position or (self._seal is not None and seal.first <= self._seal.last):
            self.fault(number, f"The seal {seal.sequence} does not stand behind what comes before it.")
        self._seal = seal
        self.found.seals = (self.found.seals or (seal.sequence, 0))[0], seal.sequence

    def _take_event(self, number: int, content: Mapping[str, Any]) -> None:
        position, encoded = int(content["position"]), b64decode(content["event"], validate=True)
        self.found.events += 1
        if position <= self._position:
            self.fault(number, f"The position {position} does not stand behind {self._position}.")
        self._position = max(position, self._position)
        if content["seal"] is None and (self._seal is None or position > self._seal.last):
            self.found.unsealed += 1
        elif self._proven(position, encoded, content):
            self.found.proven += 1
        else:
            self.fault(number, f"The event at position {position} is not the one that was sealed there.")
        self._follow(number, fact_of(position, encoded, NoKeyCipher(), opened=False))

    def _proven(self, position: int, encoded: bytes, content: Mapping[str, Any]) -> bool:
        """The leaf holds the position, so that a proof is of that event at that place alone."""
        seal = self._seal
        if seal is None or content["seal"] != seal.sequence:
            return False
        path = [bytes.fromhex(step) for step in content.get("path", [])]
        leaf = leaf_hash(position, encoded)
        return proves(leaf, int(content.get("index", -1)), seal.count, path, seal.root)

    def _follow(self, number: int, fact: Fact) -> None:
        """Versions of a record follow each other from 1, so none is missing between two that are here."""
        event = fact.event
        before = self._versions.get(event.originator_id, 0)
        if event.originator_version != before + 1:
            self.fault(number, f"{event.id} follows version {before}: events between them were removed.")
        self._versions[event.originator_id] = event.originator_version
        if event.originator_id == self.found.id:
            self.found.facts.append(fact)
        else:
            self.found.others[event.originator_id] = event.originator_version

    def _end(self, number: int, end: Mapping[str, Any]) -> None:
        self._ended = True
        counts = {"events": self.found.events, "seals": self._seals, "unsealed": self.found.unsealed}
        if end != counts | {"sha256": self._digest.hexdigest()}:
            self.fault(
                number,
                f"It held {end['events']} events and {end['seals']} seals when it was written, and holds "
                f"{counts['events']} and {counts['seals']}, or a line was changed.",
            )

    def finish(self, number: int) -> ExportContents:
        """There is no further line."""
        if not self._ended and not self.found.faults:
            self.fault(number, "The line that ends the file is missing: the file was truncated.")
        if not self.found.facts or self.found.facts[0].family != self.found.kind:
            self.fault(number, f"The file does not hold the {self.found.kind} {self.found.id}.")
        return self.found


def read(lines: Iterable[bytes], key: Ed25519PublicKey | None = None) -> ExportContents:
    """What the lines of a raw export hold, and what is wrong with them; with `key` instead of the one in the
    file. Raises `NoExport` where the first line is not that of a raw export."""
    reader: _Reader | None = None
    number = 0
    for number, line in enumerate(lines, start=1):
        if reader is None:
            reader = _begun(line, key)
        elif not reader.take(number, line):
            break
    if reader is None:
        _refuse("it is empty")
    return reader.finish(number)


def _begun(line: bytes, key: Ed25519PublicKey | None) -> _Reader:
    try:
        header = orjson.loads(line)
        told, form, kind = header["format"], header["form"], header["kind"]
        if told != FORMAT or kind not in {each.name for each in AUDITED}:
            _refuse("its first line names another format")
        if form != "raw":
            _refuse("it is a decoded export, which holds no proofs")
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(header["public_key"]))
        return _Reader(line, header, key or public, key is not None)
    except _MALFORMED:
        _refuse("its first line is not that of an export")


def _refuse(why: str) -> NoReturn:
    raise NoExport(
        f"This file can't be opened: {why}. Give the file of `rapport audit export KIND ID --form raw FILE`."
    )
