"""Seals kept elsewhere: what is written is read again, anything else is refused, and nothing is replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from commands.audit.kept_seal import KeptSeal, KeptSealProblem, decoded, read, write
from deploy.webhook import WebhookProblem, send
from domain.events.seal import parse
from tests.support.webhook import listening

FOLDER = Path(__file__).parents[1] / "frozen" / "seal"
PUBLIC = Ed25519PublicKey.from_public_bytes(
    bytes.fromhex((FOLDER / "public-key.hex").read_text("utf-8").strip())
)
KEPT = [
    KeptSeal(seal=parse((FOLDER / name).read_bytes().strip()), public=PUBLIC) for name in ("1.json", "2.json")
]


def test_a_kept_seal_is_read_as_it_was_written(tmp_path: Path) -> None:
    for kept in KEPT:
        written = write(kept, tmp_path)
        assert written.name == f"seal-{kept.seal.sequence:010d}.json"
        found = read(written)
        assert (found.seal, found.encoded) == (kept.seal, kept.encoded)
        assert write(kept, tmp_path) == write(kept, written) == written
    assert {file.name for file in tmp_path.iterdir()} == {kept.name for kept in KEPT}


def test_what_is_kept_already_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "seal.json"
    write(KEPT[0], file)
    with pytest.raises(KeptSealProblem, match=r"was not replaced\. Name a new file"):
        write(KEPT[1], file)
    assert read(file).seal == KEPT[0].seal
    with pytest.raises(KeptSealProblem, match="can't be written: No such file or directory"):
        write(KEPT[0], tmp_path / "missing" / "seal.json")
    with pytest.raises(KeptSealProblem, match="can't be read"):
        read(tmp_path / "other.json")
    assert [each.name for each in tmp_path.iterdir()] == ["seal.json"]


def changed(**members: object) -> bytes:
    return json.dumps(json.loads(KEPT[0].encoded) | members).encode()


OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw().hex()
REFUSED = {
    "another record": changed(record=KEPT[1].seal.record.decode()),
    "another hash": changed(hash="0" * 64),
    "another key": changed(public_key=OTHER),
    "no key": changed(public_key="00"),
    "a number as the record": changed(record=1),
    "a changed record": changed(record=KEPT[0].seal.record.decode().replace('"count":', '"count": ')),
    "another format": changed(format="rapport.kept-seal.v2"),
    "a record alone": KEPT[0].seal.record,
    "lacking members": b'{"format": "rapport.kept-seal.v1"}',
    "a list": b"[]",
    "no text": b"\xff",
    "nothing": b"",
}


@pytest.mark.parametrize("case", REFUSED)
def test_only_what_its_own_key_signed_is_a_kept_seal(case: str) -> None:
    with pytest.raises(KeptSealProblem, match=r"^here is no kept seal: .*Name the file") as refused:
        decoded(REFUSED[case], "here")
    assert str(refused.value).count("..") == 0


def test_a_webhook_is_sent_the_bytes_and_told_without_its_secret() -> None:
    with listening(204) as (url, taken):
        shown = send(url, KEPT[0].encoded)
    assert taken == [KEPT[0].encoded]
    assert shown == url.split("?")[0]
    with pytest.raises(WebhookProblem, match="Nothing was delivered to http://127") as away:
        send(url, b"{}")
    assert "secret" not in str(away.value)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_success_is_an_error(status: int) -> None:
    with listening(status) as (url, taken), pytest.raises(WebhookProblem, match=f"responded {status}, so"):
        send(url, b"{}")
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/kept", "is not encrypted"),
        ("http://10.0.0.1/", "is not encrypted"),
        ("ftp://localhost/", "begins with https://"),
        ("kept", "begins with https://"),
        ("https://example.org:x/", "is not an address"),
    ],
)
def test_an_address_must_be_https_or_of_this_machine(url: str, why: str) -> None:
    with pytest.raises(WebhookProblem, match=why):
        send(url, b"{}")
