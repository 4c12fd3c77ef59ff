"""The key-encryption keys that this program knows, several at once: each row says which one it needs.

Which of them wraps new keys is said by the key store, so that all processes agree (`keys.kek`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from commands.privacy.kek import KekUnknown, KeyEncryptionKey, OwnedKey


class WrappedKey(NamedTuple):
    """A wrapped key as its row has it: by which key-encryption key, the bytes, and whose it is."""

    kek: str
    key: bytes
    owner: bytes


class Keyring:
    """What `load` gives: called now, and again when a key was wrapped with one that is not known here, since
    another process may have made it meanwhile.

    `load` gives at least one; the first is what a key store without any key begins with. Raises what it
    raises.
    """

    def __init__(self, load: Callable[[], Sequence[KeyEncryptionKey]]) -> None:
        self._load = load
        self._keks: dict[str, KeyEncryptionKey] = {}
        self.first = self.reload()[0]

    @classmethod
    def of(cls, *keks: KeyEncryptionKey) -> Self:
        """A ring of just these."""
        return cls(lambda: keks)

    def reload(self) -> Sequence[KeyEncryptionKey]:
        """Reads them again; all that are known now."""
        found = tuple(self._load())
        # Those that were known are kept: what a running process has opened so far it goes on opening.
        self._keks = {kek.id: kek for kek in found} | self._keks
        return found

    def named(self, id: str) -> KeyEncryptionKey:
        """The one of that id. Raises `KekUnknown`."""
        if id not in self._keks:
            self.reload()
        found = self._keks.get(id)
        if found is None:
            raise KekUnknown(id, self._keks)
        return found

    def unwrap(self, wrapped: Sequence[WrappedKey]) -> list[bytes]:
        """Returns the keys in order, with one call for each key-encryption key. Raises `KekProblem`."""
        places: dict[str, list[int]] = {}
        for place, one in enumerate(wrapped):
            places.setdefault(one.kek, []).append(place)
        keys = [b""] * len(wrapped)
        for id, of_one in places.items():
            asked = [OwnedKey(wrapped[place].key, wrapped[place].owner) for place in of_one]
            for place, key in zip(of_one, self.named(id).unwrap(asked), strict=True):
                keys[place] = key
        return keys
