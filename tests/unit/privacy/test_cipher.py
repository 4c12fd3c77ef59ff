"""The ciphers of private fields: frozen vectors, what must not open, what erased and absent look like."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from commands.privacy.cipher import AesGcmCipher, KeyMissing
from commands.privacy.kek import FileKek, KekProblem, OwnedKey
from commands.privacy.keyring import Keyring, WrappedKey
from commands.privacy.keys import DESTROYED, Key, KeyName, KeyState, Retention
from domain.events.event import SYSTEM, Event
from domain.events.private import PrivateParts, Unreadable
from domain.kernel.errors import Erased, Undecodable

JANE, JOHN, PARTY = (UUID(f"00000000-0000-4000-8000-00000000000{n}") for n in (1, 2, 3))
MARCH = Retention("note", "2026-03")
EVENT = Event(
    originator_id=PARTY, originator_version=3, party=PARTY, time=datetime(2026, 3, 31, 23, tzinfo=UTC),
    recorded=datetime(2026, 4, 1, tzinfo=UTC), correlation=PARTY, cause=None, actor=SYSTEM, payload=None,
)  # fmt: skip

NAME_CLOSED: dict[str, Any] = {
    "persons": {
        str(JANE): {
            "name": "a1.bm9uY2Utbm9uY2UwhkzLKi8mzn2N7bmrEdUlKAvo0e6jQgPK9WQ",
        }
    }
}
TEXT_CLOSED: dict[str, Any] = {
    "text": {
        "participants": [str(JANE), str(JOHN)],
        "retention": "note/2026-03",
        "fields": {"note": "t1.bm9uY2Utbm9uY2UwEff2gqfMAX8GOsQ-ZlDMJFtWP8Q2ViL_Y8078RiTgZE"},
    }
}
"""Closed once with keys 0x01.., 0x02.. and 0x09.. and the nonce `nonce-nonce0`. They open for ever."""


class MemoryKeys:
    """A key store of a mapping; `made` lists what `ensure` made."""

    def __init__(self, keys: dict[KeyName, KeyState] | None = None) -> None:
        known: dict[KeyName, KeyState] = {JANE: key(1), JOHN: key(2), PARTY: key(3), MARCH: key(9)}
        self.keys = known if keys is None else keys
        self.made: list[KeyName] = []
        self.asked = 0

    def find(self, names: Collection[KeyName]) -> dict[KeyName, KeyState]:
        self.asked += 1
        return {name: self.keys[name] for name in names if name in self.keys}

    def ensure(self, names: Collection[KeyName]) -> dict[KeyName, KeyState]:
        for name in names:
            if name not in self.keys:
                self.made.append(name)
                self.keys[name] = key(len(self.keys) + 20)
        return self.find(names)

    def destroy(self, name: KeyName) -> None:
        self.keys[name] = DESTROYED


def key(number: int) -> Key:
    return Key(bytes([number]) * 32)


def cipher(keys: MemoryKeys | None = None, **more: Any) -> AesGcmCipher:
    return AesGcmCipher(keys or MemoryKeys(), nonce=lambda n: b"nonce-nonce0"[:n], **more)


def name_parts(value: object = "Jane Doe") -> PrivateParts:
    return PrivateParts(persons={JANE: {"name": value}}, texts={}, participants=(), kind=None)


def text_parts(value: object = "met at Łódź", *participants: UUID) -> PrivateParts:
    return PrivateParts(
        persons={}, texts={"note": value}, participants=participants or (JOHN, JANE), kind="note"
    )


def test_the_frozen_values_open() -> None:
    """Given values closed once and frozen here, when they are opened, then they are the same, for ever."""
    assert cipher().decrypt(EVENT.id, NAME_CLOSED) == {"name": "Jane Doe"}
    assert cipher().decrypt(EVENT.id, TEXT_CLOSED) == {"note": "met at Łódź"}


def test_closing_gives_the_frozen_values() -> None:
    """Given the same keys and nonce, when the values are closed again, then the bytes are the frozen ones."""
    assert cipher().encrypt(EVENT, name_parts()) == NAME_CLOSED
    assert cipher().encrypt(EVENT, text_parts()) == TEXT_CLOSED
    assert cipher().encrypt(EVENT, text_parts("met at Łódź", JANE, JOHN, JANE)) == TEXT_CLOSED


def test_a_stranger_opens_them_by_the_description_alone() -> None:
    """Given the formats' description, when a stranger follows it with a library, then the values open."""

    def raw(sealed: str, prefix: str) -> bytes:
        assert sealed.startswith(prefix)
        body = sealed.removeprefix(prefix)
        return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))

    name = raw(NAME_CLOSED["persons"][str(JANE)]["name"], "a1.")
    data = f"a1|{JANE}|{PARTY}:3|name".encode()
    assert json.loads(AESGCM(b"\x01" * 32).decrypt(name[:12], name[12:], data)) == "Jane Doe"

    note = raw(TEXT_CLOSED["text"]["fields"]["note"], "t1.")
    material = b"\x01" * 32 + b"\x02" * 32 + b"\x09" * 32
    derived = HKDF(SHA256(), 32, salt=None, info=f"{PARTY}:3".encode()).derive(material)
    opened = AESGCM(derived).decrypt(note[:12], note[12:], f"t1|{PARTY}:3|note".encode())
    assert json.loads(opened) == "met at Łódź"


@pytest.mark.parametrize(
    ("private", "event_id"),
    [
        (NAME_CLOSED, f"{PARTY}:4"),
        (NAME_CLOSED, f"{JANE}:3"),
        (TEXT_CLOSED, f"{PARTY}:4"),
        (json.loads(json.dumps(NAME_CLOSED).replace(str(JANE), str(JOHN))), EVENT.id),
        (json.loads(json.dumps(NAME_CLOSED).replace('"name"', '"nickname"')), EVENT.id),
        (json.loads(json.dumps(TEXT_CLOSED).replace('"note"', '"subject"')), EVENT.id),
        (json.loads(json.dumps(TEXT_CLOSED).replace(str(JOHN), str(PARTY))), EVENT.id),
        (json.loads(json.dumps(NAME_CLOSED).replace("a1.", "t1.")), EVENT.id),
        (json.loads(json.dumps(NAME_CLOSED).replace("a1.b", "a1.c")), EVENT.id),
        ({"persons": {str(JANE): {"name": "a1.AAAA"}}}, EVENT.id),
        ({"persons": {str(JANE): {"name": 7}}}, EVENT.id),
        ({"persons": {"nobody": {"name": "a1.AAAA"}}}, EVENT.id),
        ({"persons": []}, EVENT.id),
        ({"text": {"fields": {}}}, EVENT.id),
    ],
    ids=[
        "another-version", "another-aggregate", "text-of-another-event", "another-person", "another-field",
        "another-text-field", "another-participant", "another-format", "changed", "too-short", "no-string",
        "no-id", "no-mapping", "no-participants",
    ],
)  # fmt: skip
def test_what_was_changed_or_moved_does_not_open(private: dict[str, Any], event_id: str) -> None:
    """Given a value moved to another event, person or field, or changed, when it is opened, then it is
    refused with a sentence that quotes nothing of it."""
    with pytest.raises(Undecodable) as refused:
        cipher().decrypt(event_id, private)
    assert str(refused.value) == f"The private values of the event {event_id} do not open."
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("destroyed", "gone", "name", "note"),
    [
        ([JANE], [], Unreadable("erased"), Unreadable("erased")),
        ([JOHN], [], "Jane Doe", Unreadable("erased")),
        ([MARCH], [], "Jane Doe", Unreadable("erased")),
        ([], [JANE], Unreadable("absent"), Unreadable("absent")),
        ([], [MARCH], "Jane Doe", Unreadable("absent")),
        ([JANE], [JOHN], Unreadable("erased"), Unreadable("erased")),
    ],
)
def test_erased_and_absent(destroyed: list[KeyName], gone: list[KeyName], name: object, note: object) -> None:
    """Given keys destroyed or gone, when values are opened, then those under them are closed for that reason,
    texts as soon as one of their keys is concerned; erased wins."""
    keys = MemoryKeys()
    for one in destroyed:
        keys.destroy(one)
    for one in gone:
        del keys.keys[one]
    private = {**NAME_CLOSED, **TEXT_CLOSED}
    assert cipher(keys).decrypt(EVENT.id, private) == {"name": name, "note": note}


def test_closing_makes_the_keys_of_new_persons_and_never_those_of_erased_ones() -> None:
    """Given a new person, when a value is closed, then the key is made; given an erased one, then nothing
    can be recorded and no key is made."""
    keys = MemoryKeys({})
    cipher(keys).encrypt(EVENT, name_parts())
    cipher(keys).encrypt(EVENT, text_parts("x", JOHN))
    assert set(keys.made) == {JANE, JOHN, MARCH}
    keys.destroy(JANE)
    with pytest.raises(Erased, match="was erased for good"):
        cipher(keys).encrypt(EVENT, name_parts())
    with pytest.raises(Erased):
        cipher(keys).encrypt(EVENT, text_parts("x", JANE, JOHN))
    assert keys.keys[JANE] is DESTROYED


def test_a_closed_value_is_never_closed_again_as_if_it_were_the_value() -> None:
    """Given a value that could not be read, when it is to be recorded again, then that is refused, and no
    new key hides that the old one is gone."""
    keys = MemoryKeys({})
    with pytest.raises(Erased):
        cipher(keys).encrypt(EVENT, name_parts(Unreadable("erased")))
    with pytest.raises(KeyMissing):
        cipher(keys).encrypt(EVENT, text_parts(Unreadable("absent")))
    assert keys.made == []


def test_nonces_are_never_the_same() -> None:
    """Given the same value, when it is closed twice, then the ciphertexts differ."""
    ours = AesGcmCipher(MemoryKeys())
    assert ours.encrypt(EVENT, name_parts()) != ours.encrypt(EVENT, name_parts())


def test_keys_are_remembered_for_a_minute_at_most() -> None:
    """Given a key that was used, when it is destroyed elsewhere, then after 60 s at most it is not used any
    more, and longer can't be set; before that the store is not asked again."""
    now = [0.0]
    keys = MemoryKeys()
    ours = cipher(keys, clock=lambda: now[0])
    assert ours.decrypt(EVENT.id, NAME_CLOSED) == {"name": "Jane Doe"}
    keys.destroy(JANE)
    now[0] = 59.9
    assert ours.decrypt(EVENT.id, NAME_CLOSED) == {"name": "Jane Doe"}
    assert keys.asked == 1
    now[0] = 60.0
    assert ours.decrypt(EVENT.id, NAME_CLOSED) == {"name": Unreadable("erased")}
    with pytest.raises(ValueError, match="60"):
        AesGcmCipher(keys, cache_seconds=61)


def test_an_absent_key_is_looked_for_again() -> None:
    """Given a key that was absent, when it comes back, then the next value opens at once."""
    keys = MemoryKeys({})
    ours = cipher(keys)
    assert ours.decrypt(EVENT.id, NAME_CLOSED) == {"name": Unreadable("absent")}
    keys.keys[JANE] = key(1)
    assert ours.decrypt(EVENT.id, NAME_CLOSED) == {"name": "Jane Doe"}


def test_many_need_one_question() -> None:
    """Given many events, when their keys are made or loaded together, then each takes one query."""
    keys = MemoryKeys({})
    ours = cipher(keys)
    persons = [UUID(int=n) for n in range(50)]
    parts = [PrivateParts(persons={p: {"name": "x"}}, texts={}, participants=(), kind=None) for p in persons]
    ours.prepare((EVENT, part) for part in parts)
    privates = [ours.encrypt(EVENT, part) for part in parts]
    assert (keys.asked, len(keys.made)) == (1, 50)
    ours.forget()
    ours.load(privates)
    assert all(ours.decrypt(EVENT.id, private) == {"name": "x"} for private in privates)
    assert keys.asked == 2


def test_no_key_shows() -> None:
    """Given keys, when they are printed, then nothing of them is."""
    shown = repr(key(0x41)) + repr(FileKek(b"A" * 32)) + FileKek(b"A" * 32).id
    assert "AAAA" not in shown
    assert (b"A" * 8).hex() not in shown


def test_a_wrapped_key_opens_with_its_kek_and_its_owner_alone() -> None:
    """Given a wrapped key, when another key-encryption key or another owner's row is tried, then a sentence
    says what is wrong."""
    kek, other = FileKek(b"k" * 32), FileKek(b"o" * 32)
    (wrapped,) = kek.wrap([OwnedKey(b"\x07" * 32, b"person|1")])
    assert b"\x07" * 32 not in wrapped
    assert kek.unwrap([OwnedKey(wrapped, b"person|1")]) == [b"\x07" * 32]
    with pytest.raises(KekProblem, match="Put the key file `kek` back"):
        Keyring.of(other).unwrap([WrappedKey(kek.id, wrapped, b"person|1")])
    for changed in (
        OwnedKey(wrapped, b"person|2"),
        OwnedKey(b"", b"person|1"),
        OwnedKey(wrapped[:-1], b"person|1"),
    ):
        with pytest.raises(KekProblem, match="changed in the database"):
            kek.unwrap([changed])
    with pytest.raises(ValueError, match="32 bytes"):
        FileKek(b"short")
