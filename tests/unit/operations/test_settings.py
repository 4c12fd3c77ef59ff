"""Settings: where they come from, what is shown of them, and what is said about wrong ones."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.addresses import complete, passwords
from deploy.secrets import RANDOM, Secrets, SecretsProblem
from deploy.settings import PREFIX, Settings, SettingsProblem, load, write_env_file

ADMIN = "postgresql://postgres:top'secret$x\\@127.0.0.1:5432/rapport"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_every_setting_says_what_it_means(tmp_path: Path) -> None:
    shown = {name: meaning for name, _, meaning in load(home=tmp_path).shown()}

    assert set(shown) == {PREFIX + name.upper() for name in Settings.model_fields}
    assert all(meaning.rstrip().endswith((".", ")")) for meaning in shown.values())


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    (tmp_path / "rapport.env").write_text("RAPPORT_API_PORT=8111\nRAPPORT_PARTITIONS=3\n")
    monkeypatch.setenv("RAPPORT_PARTITIONS", "4")

    settings = load()

    assert (settings.api_port, settings.partitions, settings.api_host) == (8111, 4, "127.0.0.1")


def test_what_up_leaves_in_its_file_is_read_back_as_it_was(tmp_path: Path) -> None:
    given = load(home=tmp_path, admin_url=ADMIN, kafka_bootstrap="127.0.0.1:9092", api_port=8711)

    write_env_file(given)

    assert load(home=tmp_path) == given
    assert stat.S_IMODE(given.env_file.stat().st_mode) == 0o600


def test_up_can_leave_the_file_of_a_former_run_unread(tmp_path: Path) -> None:
    write_env_file(load(home=tmp_path, admin_url=ADMIN))

    assert load(use_env_file=False, home=tmp_path).admin_url is None


@pytest.mark.parametrize(
    ("name", "value"), [("API_PORT", "99999"), ("STORE_URL", "mysql://x"), ("KAFKA_SECURITY", "none")]
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(PREFIX + name, value)

    with pytest.raises(SettingsProblem, match=f"The setting {PREFIX}{name} is wrong") as refused:
        load(home=tmp_path)

    assert value not in str(refused.value)


def test_a_missing_setting_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match=r"RAPPORT_STORE_URL is not set.*rapport up.*rapport settings"):
        load(home=tmp_path).need("store_url")


def test_no_password_is_shown(tmp_path: Path) -> None:
    settings = load(home=tmp_path, admin_url="postgresql://a:h1dden@h/d", kafka_password="h1dden")

    shown = {name: value for name, value, _ in settings.shown()}

    assert "h1dden" not in repr(settings)
    assert shown["RAPPORT_ADMIN_URL"] == "postgresql://a:***@h/d"
    assert shown["RAPPORT_KAFKA_PASSWORD"] == "***"


def test_each_role_gets_an_address_of_its_own_that_stays_the_same(tmp_path: Path) -> None:
    settings = load(home=tmp_path, admin_url=ADMIN, relay_url="postgresql://rapport_relay:mine@other/db")

    filled = complete(settings, Secrets(tmp_path / "secrets"))

    assert filled == complete(settings, Secrets(tmp_path / "secrets"))
    assert filled.need("store_url").startswith("postgresql://rapport_app:")
    assert filled.need("store_url").endswith("@127.0.0.1:5432/rapport")
    assert filled.need("keys_url") == filled.need("store_url")
    found = passwords(filled, Secrets(tmp_path / "secrets"))
    assert found["rapport_relay"] == "mine"
    assert set(found) == {f"rapport_{role}" for role in ("owner", "app", "relay", "worker", "reader")}


def test_the_roles_of_a_read_side_of_its_own_are_there(tmp_path: Path) -> None:
    own = "postgresql://postgres:secret@127.0.0.1:5433/reads"

    filled = complete(load(home=tmp_path, admin_url=ADMIN, read_admin_url=own), Secrets(tmp_path / "secrets"))

    for name, role in (("worker_url", "worker"), ("read_url", "app"), ("reader_url", "reader")):
        assert filled.need(name).startswith(f"postgresql://rapport_{role}:")
        assert filled.need(name).endswith("@127.0.0.1:5433/reads")
    for name in ("store_url", "relay_url", "keys_url"):
        assert filled.need(name).endswith("@127.0.0.1:5432/rapport")


def test_key_files_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    keys = Secrets(tmp_path / "secrets")

    made = keys.ensure()
    before = {name: keys.read(name) for name in RANDOM}

    assert set(made) == {*RANDOM, "seal-public"}
    assert keys.ensure() == []
    assert {name: keys.read(name) for name in RANDOM} == before
    assert keys.seal_key().public_key() == keys.seal_public()
    assert keys.problems() == []
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in keys.folder.iterdir())


def test_a_missing_a_broken_and_an_open_key_file_are_each_named(tmp_path: Path) -> None:
    keys = Secrets(tmp_path / "secrets")
    keys.ensure()
    (keys.folder / "kek").unlink()
    (keys.folder / "id-key").write_text("abc")
    (keys.folder / "token-key").chmod(0o644)

    problems = keys.problems()

    assert [name for name in RANDOM if any(f"/{name} " in problem for problem in problems)] == [
        "kek",
        "id-key",
        "token-key",
    ]
    with pytest.raises(SecretsProblem, match=r"kek is missing.*backup"):
        keys.read("kek")
