"""The certificate of an erasure: its format is for ever, and whoever has the file alone can check it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.privacy import certificate
from commands.privacy.certificate import CheckedPlace, Content, NotACertificate

FROZEN = Path(__file__).parents[1] / "frozen" / "certificate"
NEWEST = FROZEN / "2.json"
EVER = sorted(FROZEN.glob("*.json"))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PERSON = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"
CONTENT = Content(
    store="6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    erasure="8a6e0804-2bd0-4672-b79d-d97027f9071a",
    erased_at="2026-03-01T09:00:00Z",
    issued_at="2026-03-01T09:02:00Z",
    position=1042,
    reason="withdrawn_consent",
    legal_basis="GDPR art. 17 (1) b",
    reference="DSR-118",
    parties=[PERSON],
    keys_destroyed=[{"person": PERSON, "destroyed": "2026-03-01T09:00:00Z"}],
    places=[CheckedPlace(place="keys", checked="a tombstone for every person", found="1 of 1", clean=True)],
    closed_texts=["1b4e28ba-2fa1-11d2-883f-0016d3cca427:1"],
    texts_kept_with_others=[],
    kept={"customer": 3, "interaction": 12},
    not_checked=[{"place": "exports that were handed out", "until": None}],
)


def test_a_certificate_is_written_as_it_always_was() -> None:
    assert certificate.signed(certificate.encoded(CONTENT), KEY) == NEWEST.read_bytes()


@pytest.mark.parametrize("file", EVER, ids=[file.stem for file in EVER])
def test_a_certificate_ever_written_is_read_and_checked_with_the_standard_alone(file: Path) -> None:
    """As somebody does who has the file, the public key from elsewhere, and none of this program."""
    whole = orjson.loads(file.read_bytes())
    said = orjson.dumps(whole["certificate"], option=orjson.OPT_SORT_KEYS)
    version = file.stem.encode()
    KEY.public_key().verify(
        bytes.fromhex(whole["signature"]), b"rapport-certificate-v%b\n%b" % (version, said)
    )

    found, public = certificate.opened(file.read_bytes())
    assert found == whole["certificate"]
    assert public.public_bytes_raw() == KEY.public_key().public_bytes_raw()
    assert certificate.digest(certificate.canonical(found)) == hashlib.sha256(said).hexdigest()


def test_members_in_another_order_are_the_same_certificate() -> None:
    whole = orjson.loads(NEWEST.read_bytes())
    whole["certificate"] = dict(reversed(whole["certificate"].items()))
    found, _ = certificate.opened(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    assert found["position"] == 1042


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"1042", b"1043", "changed after it was signed"),
        (b'"version":2', b'"version":1', "changed after it was signed"),
        (b'"version":2', b'"version":3', "has version 3; this program knows 1 and 2"),
        (b'"signature"', b'"signed"', "holds no certificate"),
        (b'{"certificate"', b'["certificate"', "holds no certificate"),
    ],
)
def test_a_file_that_is_none_or_was_changed_is_told(old: bytes, new: bytes, sentence: str) -> None:
    with pytest.raises(NotACertificate, match=sentence):
        certificate.opened(NEWEST.read_bytes().replace(old, new, 1))
