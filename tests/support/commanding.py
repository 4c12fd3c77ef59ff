"""The command line run in this process: exit code, what was said, envelope."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from deploy.cli import main
from deploy.secrets import Secrets
from tests.support.database import PASSWORDS


def run(home: Path, *words: str, **more: str) -> tuple[int, str]:
    """Exit code and all that was said. `more` are further variables. Not for commands that stay up: those
    set signal handlers and logs."""
    said = io.StringIO()
    with (
        patch.dict(os.environ, {"RAPPORT_HOME": str(home), **more}),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        return main.run(words), said.getvalue()


def told(home: Path, *words: str, **more: str) -> tuple[int, Any, list[str]]:
    """Exit code, data and diagnostics (each as one text) of a command with `--json`."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with (
        patch.dict(os.environ, {"RAPPORT_HOME": str(home), **more}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        code = main.run([*words, "--json"])
    out.seek(0)
    envelope = json.loads(out.read())
    assert set(envelope) == {"version", "status", "data", "diagnostics"}
    assert envelope["status"] == {0: "ok", 1: "failed", 2: "error", 3: "error"}[code]
    texts = [" ".join((each["fact"], each["cause"], each["act"])) for each in envelope["diagnostics"]]
    return code, envelope["data"], texts


def shared_passwords(home: Path) -> None:
    """Roles are of the whole server, and other tests log in with their passwords: the same ones here."""
    keys = Secrets(home / "secrets")
    for role, password in PASSWORDS.items():
        file = keys.folder / f"password-{role}"
        if not file.exists():
            keys.keep(file.name, password.__str__)
