"""Proofs that an event is under a seal: checked by the script that auditors get, and by nothing of ours."""

from __future__ import annotations

import ast
import base64
import dataclasses
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.audit.kept_seal import KeptSeal
from commands.audit.prove import NotProvable, Proof, proof_of
from commands.store.event_reader import StoredRow
from deploy.check_proof import check
from domain.events.seal import Seal, parse
from tests.support.auditing import KEY, sealed, stored

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "deploy" / "check_proof.py"
SEALS = Path(__file__).parents[1] / "frozen" / "seal"
FROZEN = Path(__file__).parents[1] / "frozen" / "proof"
PUBLIC = KEY.public_key()
AT = 1
"""The frozen proof is that of the second event under the first frozen seal."""


@cache
def events() -> list[StoredRow]:
    """Events at the odd positions."""
    return stored(70, step=2)


@cache
def world(count: int) -> tuple[list[StoredRow], Seal]:
    """So many of them, and their seal."""
    rows = events()[:count]
    return rows, sealed(rows, count)[0]


def proof(count: int, at: int) -> Proof:
    """The proof of one of `count` events under a seal."""
    rows, seal = world(count)
    return proof_of(rows[at], rows, seal, PUBLIC)


def told(proof: Proof) -> Any:
    """What the script reads."""
    return json.loads(proof.encoded)


leaves = st.integers(1, 70).flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count - 1)))


@settings(max_examples=60)
@given(leaves)
def test_every_event_of_a_tree_of_any_size_is_proven(leaf: tuple[int, int]) -> None:
    made = proof(*leaf)
    assert check(told(made)) == (True, made.seal.hash.hex())
    assert (made.event, made.position) == (events()[leaf[1]].event, events()[leaf[1]].position)
    assert len(made.path) <= (leaf[0] - 1).bit_length()


@settings(max_examples=60)
@given(leaves, st.data())
def test_nothing_of_a_proof_can_be_another(leaf: tuple[int, int], data: st.DataObject) -> None:
    made = told(proof(*leaf))
    other = data.draw(st.binary(min_size=1, max_size=40))
    flipped = data.draw(st.integers(0, 31))
    seal = json.loads(made["seal"])
    changes: list[dict[str, Any]] = [
        {"event": base64.b64encode(other).decode()},
        {"event": base64.b64encode(base64.b64decode(made["event"]) + b" ").decode()},
        {"position": made["position"] + 1},
        {"position": -1} if made["position"] > 255 else {"position": 0},
        {"index": made["index"] + 1},
        {"index": -1},
        {"index": made["count"]},
        {"count": made["count"] + 1},
        {"path": [*made["path"], "00" * 32]},
        {"seal": json.dumps(seal | {"root": "00" * 32})},
        {"seal": json.dumps(seal | {"count": seal["count"] + 1})},
        {"seal": json.dumps(seal | {"to": made["position"] - 1})},
        {"seal": json.dumps(seal | {"from": made["position"] + 1})},
    ]
    if made["path"]:
        at = data.draw(st.integers(0, len(made["path"]) - 1))
        step = bytearray.fromhex(made["path"][at])
        step[flipped] ^= 1
        changes.append({"path": [step.hex() if n == at else one for n, one in enumerate(made["path"])]})
        changes.append({"path": made["path"][:-1]})
    for change in changes:
        good = False
        try:
            good, _ = check(made | change)
        except OverflowError:
            assert change == {"position": -1}
        assert not good, change


def test_a_proof_goes_on_to_a_seal_that_was_kept_later() -> None:
    rows = events()
    seals = sealed(rows, 7)
    made = dataclasses.replace(proof_of(rows[9], rows[7:14], seals[1], PUBLIC), chain=tuple(seals[2:5]))
    kept = [json.loads(KeptSeal(seal=seal, public=PUBLIC).encoded) for seal in seals]
    assert check(told(made), kept[4]) == (True, seals[4].hash.hex())
    for other in (kept[1], kept[3], kept[5]):
        assert not check(told(made), other)[0]
    torn = told(made)
    torn["chain"] = [torn["chain"][0], torn["chain"][2]]
    assert not check(torn, kept[4])[0]
    foreign = told(made)
    foreign["chain"][0] = sealed(stored(70, seed=6), 7)[2].record.decode()
    assert not check(foreign, kept[4])[0]


def test_what_does_not_hold_has_no_proof() -> None:
    rows, seal = world(9)
    changed = [rows[0]._replace(event=rows[0].event + b" "), *rows[1:]]
    stranger = dataclasses.replace(seal, record=sealed(rows, 9, Ed25519PrivateKey.generate())[0].record)
    for covered, under in ((changed, seal), (rows[1:], seal), (rows, stranger)):
        with pytest.raises(NotProvable, match=r"`rapport audit verify` names the event\.$"):
            proof_of(rows[4], covered, under, PUBLIC)


def test_the_script_is_short_and_needs_nothing_but_python() -> None:
    text = SCRIPT.read_text("utf-8")
    assert len(text.splitlines()) <= 40
    imported: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    assert imported == {"base64", "hashlib", "json", "sys", "typing"}


def test_the_frozen_proof_is_what_we_would_make_today_and_the_script_accepts_it(tmp_path: Path) -> None:
    seals = [parse((SEALS / name).read_bytes().strip()) for name in ("1.json", "2.json")]
    public = Ed25519PublicKey.from_public_bytes(
        bytes.fromhex((SEALS / "public-key.hex").read_text("utf-8").strip())
    )
    rows = [_row(event) for event in json.loads((SEALS / "events.json").read_text("utf-8"))]
    covered = [row for row in rows if row.position <= seals[0].last]
    made = dataclasses.replace(proof_of(covered[AT], covered, seals[0], public), chain=(seals[1],))
    kept = KeptSeal(seal=seals[1], public=public)
    assert made.encoded == (FROZEN / "proof.json").read_bytes()
    assert kept.encoded == (FROZEN / "kept-seal.json").read_bytes()

    changed = tmp_path / "changed.json"
    changed.write_bytes(made.encoded.replace(b'"index": 1', b'"index": 0'))
    found = [
        subprocess.run(
            [sys.executable, "-I", str(SCRIPT), *map(str, files)], capture_output=True, text=True, check=False
        )
        for files in (
            (FROZEN / "proof.json", FROZEN / "kept-seal.json"),
            (changed, FROZEN / "kept-seal.json"),
        )
    ]
    head = f"The event at position {made.position} is"
    tail = f"under the seal with the hash {kept.seal.hash.hex()}.\n"
    assert [(one.returncode, one.stdout, one.stderr) for one in found] == [
        (0, f"{head} {tail}", ""),
        (1, f"{head} NOT PROVEN to be {tail}", ""),
    ]


def _row(event: dict[str, Any]) -> StoredRow:
    """Position and bytes are all that a proof is made of."""
    return StoredRow(event["position"], UUID(int=1), 1, "crm.x.y", UUID(int=2), event["event"].encode())
