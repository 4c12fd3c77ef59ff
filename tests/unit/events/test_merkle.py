"""Merkle roots and inclusion proofs against the vectors that RFC 9162's predecessors were tested with."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events.merkle import leaf, proof, proves, root

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
# (index, size) to the path, of the same vectors.
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def by_definition(inputs: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it stands there: split at the largest power of two below the size."""
    if not inputs:
        return hashlib.sha256(b"").digest()
    if len(inputs) == 1:
        return hashlib.sha256(b"\x00" + inputs[0]).digest()
    split = 1
    while split * 2 < len(inputs):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(inputs[:split]) + by_definition(inputs[split:])).digest()


@pytest.mark.parametrize("size", ROOTS)
def test_the_known_trees_have_the_known_roots(size: int) -> None:
    assert root([leaf(data) for data in INPUTS[:size]]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_the_known_leaves_have_the_known_paths(index: int, size: int) -> None:
    leaves = [leaf(data) for data in INPUTS[:size]]
    assert [step.hex() for step in proof(leaves, index)] == PATHS[index, size]


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_roots_are_those_of_the_definition(inputs: list[bytes]) -> None:
    assert root([leaf(data) for data in inputs]) == by_definition(inputs)


def test_every_leaf_of_every_small_tree_is_proven_and_at_no_other_place() -> None:
    for size in range(1, 34):
        leaves = [leaf(bytes([number])) for number in range(size)]
        head = root(leaves)
        for index in range(size):
            path = proof(leaves, index)
            assert proves(leaves[index], index, size, path, head)
            for other in range(size):
                assert other == index or not proves(leaves[index], other, size, path, head)


@given(st.integers(2, 40), st.data())
def test_a_changed_leaf_path_size_or_root_proves_nothing(size: int, data: st.DataObject) -> None:
    leaves = [leaf(bytes([number])) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path, head = proof(leaves, index), root(leaves)
    changed = data.draw(st.integers(0, len(path) - 1))
    flipped = [bytes([step[0] ^ 1]) + step[1:] if n == changed else step for n, step in enumerate(path)]
    assert not proves(leaf(b"other"), index, size, path, head)
    assert not proves(leaves[index], index, size, flipped, head)
    assert not proves(leaves[index], index, size, path[:-1], head)
    assert not proves(leaves[index], index, size, [*path, head], head)
    assert not proves(leaves[index], index, size, path, leaf(b"head"))


def test_an_inner_node_cannot_pass_for_a_leaf() -> None:
    left, right = leaf(b"a"), leaf(b"b")
    assert root([leaf(left + right)]) != root([left, right])


@pytest.mark.parametrize("index", [-1, 3])
def test_a_leaf_outside_the_tree_has_no_path(index: int) -> None:
    leaves = [leaf(b"a"), leaf(b"b"), leaf(b"c")]
    with pytest.raises(IndexError, match="there is no leaf"):
        proof(leaves, index)
    assert not proves(leaves[0], index, 3, [], root(leaves))
