"""The ciphers of private fields: `a1.` for personal values, `t1.` for free text. Both formats are for ever.

Each is the prefix and the base64url (unpadded) of a nonce (12 bytes) and AES-256-GCM ciphertext with tag over
the orjson encoding of the value.

- `a1.`: the person's key; associated data `a1|<person id>|<event id>|<field>`.
- `t1.`: HKDF-SHA256, without salt, over the participants' keys in the order of their ids and then the
  retention key, with the event id as info; associated data `t1|<event id>|<field>`.

None of these parts can hold a `|`, so no two lists of parts meet.
"""

from __future__ import annotations

import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from commands.privacy.keys import DESTROYED, Key, KeyName, KeyState, KeyStore, Retention
from domain.events.event import Event
from domain.events.private import PrivateParts, Unreadable
from domain.kernel.errors import DomainError, Erased, Undecodable

PERSONAL: Final = "a1"
TEXT: Final = "t1"
CACHE_SECONDS: Final = 60.0
"""How long a key is remembered at most: an erasure is certified only after that."""

_MAX_CACHED: Final = 100_000
_NONCE_BYTES: Final = 12


class KeyMissing(DomainError):
    """A value that cannot be read here was to be recorded again."""

    code = "key-missing"

    def __init__(self) -> None:
        super().__init__(
            "A personal value of this record can't be read, because its key is missing, so it can't be "
            "recorded again either. Restore the keys first."
        )


class AesGcmCipher:
    """Closes and opens private values with keys of `keys`, remembered for at most `cache_seconds`."""

    def __init__(
        self,
        keys: KeyStore,
        *,
        cache_seconds: float = CACHE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        nonce: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if cache_seconds > CACHE_SECONDS:
            raise ValueError(f"keys may be remembered for at most {CACHE_SECONDS:g} seconds")
        self._keys = keys
        self._cache: dict[KeyName, tuple[float, KeyState]] = {}
        self._cache_seconds = cache_seconds
        self._clock = clock
        self._nonce = nonce

    def encrypt(self, event: Event, parts: PrivateParts) -> dict[str, Any]:
        """The value of `data.private`; keys that do not exist yet are made and committed.

        Raises `Erased` where one of the keys was destroyed, `KeyMissing` where a value is itself `Closed`
        because its key is not to be had here.
        """
        _refuse_closed(event, parts)
        keys = self._active(self._names(event, parts))
        private: dict[str, Any] = {}
        if parts.persons:
            private["persons"] = {
                str(person): {
                    field: self._seal(
                        PERSONAL,
                        AESGCM(keys[person].raw),
                        _personal_data(str(person), event.id, field),
                        value,
                    )
                    for field, value in fields.items()
                }
                for person, fields in parts.persons.items()
            }
        if parts.texts:
            participants, retention = sorted(set(parts.participants)), _retention(event, parts)
            aead = _text_key([keys[p] for p in participants], keys[retention], event.id)
            private["text"] = {
                "participants": [str(participant) for participant in participants],
                "retention": f"{retention.kind}/{retention.month}",
                "fields": {
                    field: self._seal(TEXT, aead, _text_data(event.id, field), value)
                    for field, value in parts.texts.items()
                },
            }
        return private

    def decrypt(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:
        """Field to clear value, or to `Closed`. Raises `Undecodable` where a value was changed or moved."""
        with _telling(event_id):
            names = _named(private)
        keys = self._known(names, self._keys.find)
        opened: dict[str, Any] = {}
        with _telling(event_id):
            for person, fields in private.get("persons", {}).items():
                opened |= _open_person(event_id, person, fields, keys.get(UUID(person)))
            if "text" in private:
                opened |= _open_text(event_id, private["text"], keys)
        return opened

    def prepare(self, events: Iterable[tuple[Event, PrivateParts]]) -> None:
        """Makes the keys that closing these events will need, at once instead of one by one."""
        self._known(
            {name for event, parts in events for name in self._names(event, parts)}, self._keys.ensure
        )

    def load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        """Gets the keys that opening these values of `data.private` will need, at once."""
        self._known({name for private in privates for name in _named(private)}, self._keys.find)

    def forget(self) -> None:
        """Drops all remembered keys."""
        self._cache.clear()

    def _names(self, event: Event, parts: PrivateParts) -> set[KeyName]:
        names: set[KeyName] = set(parts.persons)
        if parts.texts:
            names |= {*parts.participants, _retention(event, parts)}
        return names

    def _active(self, names: Collection[KeyName]) -> dict[KeyName, Key]:
        active: dict[KeyName, Key] = {}
        for name, key in self._known(names, self._keys.ensure).items():
            if not isinstance(key, Key):
                raise _erased(name)
            active[name] = key
        return active

    def _known(
        self,
        names: Collection[KeyName],
        fetch: Callable[[Collection[KeyName]], dict[KeyName, KeyState]],
    ) -> dict[KeyName, KeyState]:
        """The states of `names`: remembered, or by `fetch`. Absent ones are never remembered."""
        now = self._clock()
        known: dict[KeyName, KeyState] = {}
        for name in names:
            cached = self._cache.get(name)
            if cached is not None and cached[0] > now:
                known[name] = cached[1]
        missing = [name for name in names if name not in known]
        if missing:
            fetched = fetch(missing)
            if len(self._cache) + len(fetched) > _MAX_CACHED:
                self._cache.clear()
            self._cache |= {name: (now + self._cache_seconds, state) for name, state in fetched.items()}
            known |= fetched
        return known

    def _seal(self, prefix: str, aead: AESGCM, data: bytes, value: Any) -> str:
        nonce = self._nonce(_NONCE_BYTES)
        raw = nonce + aead.encrypt(nonce, orjson.dumps(value), data)
        return f"{prefix}." + urlsafe_b64encode(raw).rstrip(b"=").decode()


def _erased(name: KeyName) -> Erased:
    """Something personal was to be recorded about somebody whose data was erased."""
    return Erased.values(f"of {name}" if isinstance(name, UUID) else f"kept as {name.kind} for {name.month}")


def _refuse_closed(event: Event, parts: PrivateParts) -> None:
    """A value that stands for what can't be read must never be taken for the value itself."""
    for owner, fields in [*parts.persons.items(), (event.party, parts.texts)]:
        for value in fields.values():
            if isinstance(value, Unreadable):
                raise _erased(owner) if value.reason == "erased" else KeyMissing


def _open(prefix: str, aead: AESGCM, data: bytes, sealed: str) -> Any:
    found, _, encoded = sealed.partition(".")
    if found != prefix:
        raise ValueError("another format")
    raw = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    return orjson.loads(aead.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], data))


@contextmanager
def _telling(event_id: str) -> Iterator[None]:
    """Raises `Undecodable` without its cause, whose text could quote what was half opened."""
    try:
        yield
    except (InvalidTag, KeyError, ValueError, TypeError, AttributeError):
        raise Undecodable(f"The private values of the event {event_id} do not open.") from None


def _open_person(
    event_id: str, person: str, fields: Mapping[str, str], key: KeyState | None
) -> dict[str, Any]:
    if not isinstance(key, Key):
        return {field: Unreadable(_reason([key])) for field in fields}
    aead = AESGCM(key.raw)
    return {
        field: _open(PERSONAL, aead, _personal_data(person, event_id, field), sealed)
        for field, sealed in fields.items()
    }


def _open_text(event_id: str, text: Mapping[str, Any], keys: Mapping[KeyName, KeyState]) -> dict[str, Any]:
    names = _text_names(text)
    found = [keys.get(name) for name in names]
    usable = [key for key in found if isinstance(key, Key)]
    if len(usable) < len(found):
        return {field: Unreadable(_reason(found)) for field in text["fields"]}
    aead = _text_key(usable[:-1], usable[-1], event_id)
    return {
        field: _open(TEXT, aead, _text_data(event_id, field), sealed)
        for field, sealed in text["fields"].items()
    }


def _reason(keys: Iterable[KeyState | None]) -> Literal["erased", "absent"]:
    return "erased" if any(key is DESTROYED for key in keys) else "absent"


def _named(private: Mapping[str, Any]) -> set[KeyName]:
    """The keys that values of this `data.private` need."""
    names: set[KeyName] = {UUID(person) for person in private.get("persons", {})}
    if "text" in private:
        names |= set(_text_names(private["text"]))
    return names


def _text_names(text: Mapping[str, Any]) -> list[KeyName]:
    """Participants in the order of their ids, then the retention key."""
    kind, _, month = text["retention"].rpartition("/")
    return [*sorted({UUID(participant) for participant in text["participants"]}), Retention(kind, month)]


def _retention(event: Event, parts: PrivateParts) -> Retention:
    if parts.kind is None:
        raise ValueError("free text needs a retention kind")
    time = event.time.astimezone(UTC)
    return Retention(parts.kind, f"{time.year:04d}-{time.month:02d}")


def _text_key(participants: Iterable[Key], retention: Key, event_id: str) -> AESGCM:
    material = b"".join(key.raw for key in (*participants, retention))
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=event_id.encode()).derive(material))


def _personal_data(person: str, event_id: str, field: str) -> bytes:
    return f"{PERSONAL}|{person}|{event_id}|{field}".encode()


def _text_data(event_id: str, field: str) -> bytes:
    return f"{TEXT}|{event_id}|{field}".encode()
