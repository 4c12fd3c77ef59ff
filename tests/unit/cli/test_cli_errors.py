"""The command line: what a user reads when something goes wrong, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg2
import pytest

from deploy.cli import main, settings
from deploy.cli.errors import explain
from deploy.cli.output import Exit, columns, number
from deploy.settings import PREFIX, Settings
from domain.kernel.errors import NotFound


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))


def test_a_refusal_of_the_domain_is_a_failure_that_was_found() -> None:
    found = explain(NotFound("customer", 7))

    assert found is not None
    assert found[1] == Exit.FOUND


def test_a_database_that_is_away_is_told_in_one_line() -> None:
    error = psycopg2.OperationalError(
        'connection to server at "x" failed: refused\n\tIs the server running?\n'
    )

    found = explain(error)

    assert found is not None
    diagnostic, code = found
    assert code == Exit.ENVIRONMENT
    assert str(diagnostic) == (
        'Rapport can\'t use PostgreSQL. The driver says: connection to server at "x" failed: refused. '
        "Start it (`rapport up` starts one on this machine), or correct the RAPPORT_..._URL settings."
    )


def test_an_unforeseen_error_shows_no_trace_but_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a hidden detail")

    monkeypatch.setattr(settings, "load", broken)

    code = main.run(["settings"])

    seen = capfd.readouterr()
    log = tmp_path / "log" / "rapport.log"
    assert code == Exit.DEFECT
    assert seen.out == ""
    assert seen.err.startswith("error: This is a defect of Rapport: ZeroDivisionError.")
    assert str(log) in seen.err
    assert "Traceback" not in seen.err
    assert "a hidden detail" not in seen.err
    assert "Traceback" in log.read_text()
    assert "a hidden detail" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense"], "No such command 'nonsense'. See `rapport --help`."),
        (["projection", "status", "--foo"], "No such option: --foo. See `rapport projection status --help`."),
        (["projection", "run", "nonsense"], "There is no projection nonsense. Known: "),
        (["keys", "revoke", "no-uuid"], "Invalid value for 'id'"),
    ],
)
def test_a_usage_error_is_a_sentence_and_2(
    arguments: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.run(arguments) == Exit.ENVIRONMENT
    assert sentence in capfd.readouterr().err


def test_with_json_an_error_is_an_envelope_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["relay", "status", "--json"]) == Exit.ENVIRONMENT

    seen = capfd.readouterr()
    envelope = json.loads(seen.out)
    assert set(envelope) == {"version", "status", "data", "diagnostics"}
    assert envelope["status"] == "error"
    assert "RAPPORT_RELAY_URL is not set" in envelope["diagnostics"][0]["fact"]


def test_settings_lists_every_setting(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["settings", "--json"]) == Exit.DONE

    listed = json.loads(capfd.readouterr().out)["data"]
    assert [row["name"] for row in listed] == [PREFIX + name.upper() for name in Settings.model_fields]


def test_every_noun_says_what_it_does(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == Exit.DONE

    told = capfd.readouterr().out
    nouns = ["up", "demo", "migrate", "api", "relay", "projection", "import", "keys", "doctor", "settings"]
    for noun in nouns:
        assert f" {noun} " in told
    assert "Exit codes: 0 done" in told


def test_columns_never_wrap_and_numbers_are_read_easily() -> None:
    long = "x" * 300

    lines = columns(("name", "n"), [(long, number(1234567)), ("b", number(None))], right=1)

    assert lines[1] == f"{long}  1,234,567"
    assert lines[2].endswith("        ?")
