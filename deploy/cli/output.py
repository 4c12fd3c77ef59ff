"""What a command says: text for people, or one JSON envelope, and the exit code.

The envelope on standard output with `--json`:

    {"version": 1, "status": "ok" | "failed" | "error", "data": {...}, "diagnostics":
     [{"severity": "error" | "warning" | "info", "fact": "...", "cause": "...", "act": "..."}]}

Exit codes: 0 done; 1 a failure was found (a service is down, a row is bad); 2 usage or environment (a wrong
setting, a port in use); 3 a defect of Rapport itself.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

import orjson
import typer
from rich.console import Console, RenderableType

from deploy.findings import Diagnostic

VERSION: Final = 1

JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON envelope on standard output, logs on standard error.")
]


class Exit(enum.IntEnum):
    """The exit codes, documented in `rapport --help`."""

    DONE = 0
    FOUND = 1
    ENVIRONMENT = 2
    DEFECT = 3


def envelope(
    status: Literal["ok", "failed", "error"], data: object, diagnostics: Sequence[Diagnostic] = ()
) -> bytes:
    """The one JSON object that a command with `--json` writes; ends with a newline."""
    content: Mapping[str, Any] = {
        "version": VERSION,
        "status": status,
        "data": data,
        "diagnostics": [asdict(one) for one in diagnostics],
    }
    return orjson.dumps(content, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2)


def finish(
    *,
    as_json: bool,
    data: object,
    text: Sequence[RenderableType],
    diagnostics: Sequence[Diagnostic] = (),
    failed: bool = False,
) -> None:
    """Ends a command: writes what it found and leaves with 0, or with 1 where `failed`."""
    if as_json:
        sys.stdout.buffer.write(envelope("failed" if failed else "ok", data, diagnostics))
        sys.stdout.buffer.flush()
    else:
        console = Console(soft_wrap=True, highlight=False)
        for part in text:
            console.print(part)
        for one in diagnostics:
            console.print(f"{one.severity}: {one}", markup=False)
    if failed:
        raise typer.Exit(Exit.FOUND)


def say(line: str) -> None:
    """One line of progress for people, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
