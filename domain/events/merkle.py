"""Merkle trees as in RFC 9162, section 2.1: roots and inclusion proofs over SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from hashlib import sha256


def leaf(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of 0x00 and the data."""
    return sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of 0x01 and both children."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree head over leaf hashes; the hash of nothing for an empty list.

    Works level by level: an odd last hash goes up unchanged, which yields the same tree as the RFC's
    recursive split at the largest power of two below the size.
    """
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def _above(level: Sequence[bytes]) -> list[bytes]:
    """Returns the level above. Does not call `node`: this is half of the time of a root."""
    paired = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
    if len(level) % 2:
        paired.append(level[-1])
    return paired


class Tree:
    """A whole tree, level by level, for the paths of many leaves."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(below := self._levels[-1]) > 1:
            self._levels.append(_above(below))

    @property
    def root(self) -> bytes:
        """The tree head, as `root` gives it."""
        return self._levels[-1][0] if self._levels[0] else root(())

    def path(self, index: int) -> list[bytes]:
        """The inclusion path of leaf `index`, from the leaf's sibling up (RFC 9162, 2.1.3.1)."""
        if not 0 <= index < len(self._levels[0]):
            raise IndexError(f"there is no leaf {index} among {len(self._levels[0])}")
        path: list[bytes] = []
        for level in self._levels[:-1]:
            if (sibling := index ^ 1) < len(level):
                path.append(level[sibling])
            index //= 2
        return path


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Returns the inclusion path of one leaf; for several, use `Tree`."""
    return Tree(leaves).path(index)


def proves(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> bool:
    """Whether `path` shows that the leaf stands at `index` in the tree of `size` leaves with that head
    (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, computed = index, size - 1, leaf_hash
    for step in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            computed = node(step, computed)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            computed = node(computed, step)
        position >>= 1
        last >>= 1
    return last == 0 and computed == head
