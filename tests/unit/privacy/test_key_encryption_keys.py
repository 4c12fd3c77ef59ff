"""Key-encryption keys: from files, the environment and a service; several at once, each row its own."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from commands.privacy.kek import (
    FileKek,
    KekAway,
    KekProblem,
    KekUnknown,
    KeyChanged,
    KeyEncryptionKey,
    OwnedKey,
    tried,
)
from commands.privacy.keyring import Keyring, WrappedKey
from commands.privacy.vault import BATCH_KEYS, VaultKek
from deploy import key_encryption_keys as keks
from deploy.secrets import Secrets, SecretsProblem
from deploy.settings import SettingsProblem, load, write_env_file
from tests.support.vault import TOKEN, FakeVault, fake_vault

OLD, NEW = FileKek(b"o" * 32), FileKek(b"n" * 32)
JANE, JOHN = OwnedKey(b"\x01" * 32, b"person|jane"), OwnedKey(b"\x02" * 32, b"person|john")


class Counting:
    """A key-encryption key that lists the sizes of its batches."""

    def __init__(self, kek: FileKek) -> None:
        self.kek, self.asked = kek, list[int]()

    @property
    def id(self) -> str:
        return self.kek.id

    def wrap(self, keys: Sequence[OwnedKey]) -> list[bytes]:
        return self.kek.wrap(keys)

    def unwrap(self, wrapped: Sequence[OwnedKey]) -> list[bytes]:
        self.asked.append(len(wrapped))
        return self.kek.unwrap(wrapped)


def wrapped(kek: KeyEncryptionKey, *keys: OwnedKey) -> list[WrappedKey]:
    return [WrappedKey(kek.id, raw, one.owner) for raw, one in zip(kek.wrap(list(keys)), keys, strict=True)]


def test_rows_of_two_keys_open_in_their_order_and_each_is_asked_once() -> None:
    """Given rows wrapped with the old and the new one, mixed, when they are unwrapped, then all open, in
    their order, and each key-encryption key unwraps all of its rows at once."""
    old, new = Counting(OLD), Counting(NEW)
    rows = [*wrapped(OLD, JANE), *wrapped(NEW, JOHN), *wrapped(OLD, JOHN)]
    assert Keyring.of(old, new).unwrap(rows) == [JANE.key, JOHN.key, JOHN.key]
    assert (old.asked, new.asked) == ([2], [1])
    assert Keyring.of(old).unwrap([]) == []


def test_one_that_was_made_meanwhile_is_found() -> None:
    """Given a ring that was loaded before a rotation, when a row names the new key, then the source is read
    again; the message about an unknown one names those that are there."""
    there: list[KeyEncryptionKey] = [OLD]
    ring = Keyring(lambda: there)
    there.append(NEW)
    assert ring.unwrap(wrapped(NEW, JANE)) == [JANE.key]
    there.remove(OLD)
    assert ring.unwrap(wrapped(OLD, JANE)) == [JANE.key]
    stranger = FileKek(b"s" * 32)
    with pytest.raises(KekUnknown, match=f"{stranger.id}, and this program has .*{OLD.id}"):
        ring.unwrap(wrapped(stranger, JANE))


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    with fake_vault() as server:
        yield server


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    return file


def test_a_service_wraps_and_unwraps_many_in_one_request(vault: FakeVault, token: Path) -> None:
    """Given more keys than one request may have, when they are wrapped and unwrapped, then they come back in
    their order and the service gets one request a batch; no key leaves in its own bytes."""
    kek = VaultKek(vault.url, "rapport", token)
    keys = [OwnedKey(os.urandom(32), f"person|{number}".encode()) for number in range(BATCH_KEYS + 1)]
    closed = kek.wrap(keys)
    assert [one.key for one in keys] == kek.unwrap(
        [OwnedKey(raw, one.owner) for raw, one in zip(closed, keys, strict=True)]
    )
    assert vault.asked == [("encrypt", BATCH_KEYS), ("encrypt", 1), ("decrypt", BATCH_KEYS), ("decrypt", 1)]
    assert kek.id == "vault:transit/rapport"
    assert not any(one.key in raw for raw in closed for one in keys[:1])
    kek.close()


def test_what_a_service_refuses_is_told_and_what_was_changed_is_never_a_key(
    vault: FakeVault, token: Path, tmp_path: Path
) -> None:
    """Given a moved or changed key, a wrong token, a missing one, an unknown key, a service that is gone,
    then a sentence tells each from the others and shows no key."""
    kek = VaultKek(vault.url, "rapport", token)
    (closed,) = kek.wrap([JANE])
    for other in (
        OwnedKey(closed, JOHN.owner),
        OwnedKey(closed[:-8], JANE.owner),
        OwnedKey(b"\xff", JANE.owner),
    ):
        with pytest.raises(KeyChanged):
            kek.unwrap([OwnedKey(closed, JANE.owner), other])
    with pytest.raises(KekAway, match="encryption key not found"):
        VaultKek(vault.url, "unknown", token).wrap([JANE])
    token.write_text("s.wrong")
    with pytest.raises(KekAway, match=r"status 403: permission denied.*Check RAPPORT_VAULT_URL"):
        kek.unwrap([OwnedKey(closed, JANE.owner)])
    token.write_text(TOKEN)
    assert kek.unwrap([OwnedKey(closed, JANE.owner)]) == [JANE.key]
    with pytest.raises(KekAway, match="token file"):
        VaultKek(vault.url, "rapport", tmp_path / "none").wrap([JANE])
    with pytest.raises(KekAway, match="does not answer"):
        VaultKek("http://127.0.0.1:9", "rapport", token).wrap([JANE])
    kek.close()


def test_one_that_opens_keys_for_others_is_not_used(vault: FakeVault, token: Path) -> None:
    """Given a service that leaves out whose key it is, when it is tried before its first use, then it is
    refused; sound ones are not."""
    kek = VaultKek(vault.url, "rapport", token)
    tried(kek)
    tried(OLD)
    vault.leaves_out = True
    with pytest.raises(KekProblem, match="leaves out the associated data"):
        tried(kek)
    kek.close()


def ids(found: Sequence[KeyEncryptionKey]) -> list[str]:
    return [one.id for one in found]


def test_the_service_comes_before_the_environment_and_that_before_files(tmp_path: Path, token: Path) -> None:
    """Given all three places, when the ring is made, then all are known, the service first; without a key in
    the others the file must be there."""
    secrets = Secrets(tmp_path / "secrets")
    text = ",".join(b64encode(raw).decode() for raw in (b"n" * 32, b"o" * 32))
    with pytest.raises(SecretsProblem, match="kek is missing"):
        keks.known(load(home=tmp_path), secrets)
    assert ids(keks.known(load(home=tmp_path, kek=text), secrets)) == [NEW.id, OLD.id]
    secrets.ensure()
    file = FileKek(secrets.folder / "kek").id
    given = load(home=tmp_path, kek=text, vault_url="http://v", vault_token_file=token)
    assert ids(keks.known(given, secrets)) == ["vault:transit/rapport", NEW.id, OLD.id, file]
    assert ids(keks.known(load(home=tmp_path), secrets)) == [file]


@pytest.mark.parametrize("text", ["AAAA", "no base64!", b64encode(bytes(31)).decode()])
def test_a_wrong_key_in_the_environment_is_told_and_not_shown(tmp_path: Path, text: str) -> None:
    """Given something else than 32 bytes, when the ring is made, then that is said without the value."""
    with pytest.raises(SettingsProblem, match="32 bytes as base64") as refused:
        keks.of_environment(load(home=tmp_path, kek=text))
    assert text not in str(refused.value)
    with pytest.raises(SettingsProblem, match="RAPPORT_VAULT_TOKEN_FILE is not"):
        keks.of_service(load(home=tmp_path, vault_url="http://v"))


def test_a_key_of_the_environment_is_shown_nowhere_and_written_nowhere(tmp_path: Path) -> None:
    """Given a key in the environment, when settings are shown, printed, or left for other commands, then it
    is in none of them."""
    text = b64encode(b"k" * 32).decode()
    settings = load(home=tmp_path, kek=text, api_port=8711)
    write_env_file(settings)
    assert {name: value for name, value, _ in settings.shown()}["RAPPORT_KEK"] == "***"
    assert text not in repr(settings)
    assert text not in settings.env_file.read_text()
    assert "8711" in settings.env_file.read_text()


def test_a_new_key_file_becomes_the_current_one_and_the_former_stays(tmp_path: Path) -> None:
    """Given key files, when another is made and promoted, again and again, then `kek` holds it, the former
    one stands beside it, and both are known; a stranger's id changes nothing."""
    secrets = Secrets(tmp_path / "secrets")
    secrets.ensure()
    files = keks.KekFiles(secrets)
    (old,) = files.ids()
    assert files.prepared({old}) is None
    made, file = files.make()
    assert files.ids() == {old: "kek", made.id: file.name}
    prepared = files.prepared({old})
    assert prepared is not None
    assert prepared.id == made.id
    for id in (made.id, made.id, "vault:transit/rapport"):
        files.promote(id)
        assert files.ids() == {made.id: "kek", old: f"kek-{old.removeprefix('file:')}"}
    assert files.prepared({old, made.id}) is None
    assert FileKek(secrets.folder / "kek").id == made.id
    assert {name[:4] for name in secrets.keks()} == {"kek", "kek-"}
    assert secrets.problems() == []
    file.chmod(0o644)
    assert any(file.name in problem for problem in secrets.problems())
