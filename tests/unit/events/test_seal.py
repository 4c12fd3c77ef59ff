"""Seals: the frozen chain, read by a stranger with hashlib, json and an Ed25519 check alone, and by us."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from domain.events import merkle
from domain.events.seal import (
    GENESIS,
    Digest,
    Seal,
    digests,
    key_id,
    leaf_hash,
    parse,
    sign,
    signed_by,
    unsigned,
)
from domain.kernel.errors import Undecodable

FOLDER = Path(__file__).parents[1] / "frozen" / "seal"
RECORDS = [(FOLDER / name).read_bytes().strip() for name in ("1.json", "2.json")]
HASHES = [
    "aed58ad3029c16d568c59b03541bfbf65433f38960582210f91cdc72bea7adec",
    "9ccb96fda2b7b96e44527de652398a3be91ff207fee061e3955231a0fba50268",
]
PUBLIC = bytes.fromhex((FOLDER / "public-key.hex").read_text().strip())
KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)  # RFC 8032, 7.1, test 1: public, so of no use for anything else

# RFC 8032, section 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_the_rfc(secret: str, public: str, message: str, signature: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert key.public_key().public_bytes_raw().hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature


def test_a_stranger_can_check_the_frozen_chain() -> None:
    events = json.loads((FOLDER / "events.json").read_text("utf-8"))
    previous, last = "0" * 64, 0
    for number, record in enumerate(RECORDS, start=1):
        seal = json.loads(record)
        body, signature = record.split(b',"signature":"')
        Ed25519PublicKey.from_public_bytes(PUBLIC).verify(bytes.fromhex(signature[:-2].decode()), body + b"}")
        covered = [event for event in events if last < event["position"] <= seal["to"]]
        leaves = [_leaf(event) for event in covered]

        assert list(seal) == [
            "format", "store", "sequence", "from", "to", "count", "root", "partitions", "previous", "sealed",
            "key", "signature",
        ]  # fmt: skip
        assert seal["format"] == "rapport.seal.v1"
        assert (seal["sequence"], seal["from"], seal["previous"]) == (number, last + 1, previous)
        assert seal["count"] == len(covered)
        assert seal["root"] == _root(leaves).hex()
        assert seal["partitions"] == _sums(covered, leaves)
        assert seal["key"] == hashlib.sha256(PUBLIC).hexdigest()[:16]
        previous, last = hashlib.sha256(record).hexdigest(), seal["to"]
        assert previous == HASHES[number - 1]


def _leaf(event: dict[str, Any]) -> bytes:
    position = event["position"].to_bytes(8, "big")
    return hashlib.sha256(b"\x00" + position + event["event"].encode("utf-8")).digest()


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()


def _sums(events: list[dict[str, Any]], leaves: list[bytes]) -> dict[str, dict[str, list[Any]]]:
    found: dict[str, dict[str, list[Any]]] = {}
    for event, leaf in zip(events, leaves, strict=True):
        part = found.setdefault(event["topic"], {}).setdefault(str(event["partition"]), [0, 0])
        part[0] += 1
        part[1] = (part[1] + int.from_bytes(leaf, "big")) % 2**256
    return {t: {n: [c, f"{s:064x}"] for n, (c, s) in parts.items()} for t, parts in found.items()}


def test_the_frozen_records_are_what_we_would_sign_today() -> None:
    events = json.loads((FOLDER / "events.json").read_text("utf-8"))
    previous, first = GENESIS, 1
    for number, record in enumerate(RECORDS, start=1):
        read = parse(record)
        covered = [event for event in events if first <= event["position"] <= read.last]
        leaves = [leaf_hash(event["position"], event["event"].encode()) for event in covered]
        touched = ((e["topic"], e["partition"], leaf) for e, leaf in zip(covered, leaves, strict=True))
        made = Seal(
            store=UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
            sequence=number,
            first=first,
            last=covered[-1]["position"],
            count=len(covered),
            root=merkle.root(leaves),
            partitions=digests(touched),
            previous=previous,
            sealed=read.sealed,
            key=key_id(KEY.public_key()),
        )
        assert sign(made, KEY) == record
        assert read == dataclasses.replace(made, record=record)
        assert read.hash.hex() == HASHES[number - 1]
        previous, first = read.hash, read.last + 1


@given(st.integers(0, len(RECORDS[0]) - 1), st.integers(1, 255))
def test_no_byte_of_a_record_can_change_unnoticed(place: int, difference: int) -> None:
    record = bytearray(RECORDS[0])
    record[place] ^= difference
    public = Ed25519PublicKey.from_public_bytes(PUBLIC)
    try:
        parse(bytes(record))
    except Undecodable:
        return
    assert not signed_by(bytes(record), public)


def test_the_signature_is_checked_against_the_key_that_is_given() -> None:
    assert signed_by(RECORDS[0], KEY.public_key())
    assert not signed_by(RECORDS[0], Ed25519PrivateKey.generate().public_key())
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(bytes(64), unsigned(parse(RECORDS[0])))
    for broken in (b"", b"{}", RECORDS[0][:-1], RECORDS[0][:-3] + b'g"}'):
        assert not signed_by(broken, KEY.public_key())


CAPITALS = RECORDS[0][:-130] + RECORDS[0][-130:-2].upper() + b'"}'


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"format":"rapport.seal.v2"}',
        RECORDS[0].replace(b":", b": ", 1),
        RECORDS[0].replace(b'"sequence":1,', b'"sequence":"1",'),
        RECORDS[0].replace(b'"sequence":1,', b'"sequence":1.0,'),
        RECORDS[0].replace(b'"sequence":1,', b""),
        RECORDS[0].replace(b'"sequence":1,', b'"sequence":1,"extra":1,'),
        RECORDS[0].replace(b'"0":[', b'"00":['),
        RECORDS[0].replace(b',"signature":"', b',"sognature":"'),
        CAPITALS,
        RECORDS[0] + b" ",
    ],
)
def test_only_the_one_canonical_record_is_read(record: bytes) -> None:
    with pytest.raises(Undecodable) as refusal:
        parse(record)
    assert str(refusal.value).endswith(".")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.binary(min_size=32, max_size=32))))
def test_a_partitions_digest_does_not_depend_on_the_order(leaves: list[tuple[str, int, bytes]]) -> None:
    assert digests(leaves) == digests(reversed(leaves))
    assert sum(part.count for parts in digests(leaves).values() for part in parts.values()) == len(leaves)


def test_a_digest_wraps_at_2_to_the_256() -> None:
    digest = Digest()
    digest.add(b"\xff" * 32)
    digest.add((2).to_bytes(32, "big"))
    assert digest.as_json() == [2, f"{1:064x}"]
    assert digests([("a", 0, b"\xff" * 32), ("a", 0, (2).to_bytes(32, "big"))]) == {"a": {0: digest}}


def test_the_same_event_at_another_position_is_another_leaf() -> None:
    assert leaf_hash(1, b"{}") != leaf_hash(2, b"{}")
    assert leaf_hash(1, b"{}") == hashlib.sha256(b"\x00" + bytes(7) + b"\x01{}").digest()
