"""What a command prints: text for people, or one JSON envelope, and the exit code.

The envelope on standard output with `--json`:

    {"version": 1, "status": "ok" | "failed" | "error", "data": {...}, "diagnostics":
     [{"severity": "error" | "warning" | "info", "fact": "...", "cause": "...", "act": "..."}]}

Exit codes: 0 done; 1 a failure was found (a service is down, a row is bad); 2 usage or environment (a wrong
setting, a port in use); 3 a defect of Rapport itself; 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

import orjson
import typer

from deploy.health.findings import Diagnostic

ENVELOPE_VERSION: Final = 1
"""The version of the format; it grows with a change that breaks programs that read it."""

JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON envelope on standard output, logs on standard error.")
]


class Exit(enum.IntEnum):
    """The exit codes, documented in `rapport --help`."""

    DONE = 0
    FOUND = 1
    ENVIRONMENT = 2
    DEFECT = 3
    INTERRUPTED = 130


def envelope(
    status: Literal["ok", "failed", "error"], data: object, diagnostics: Sequence[Diagnostic] = ()
) -> bytes:
    """The one JSON object that a command with `--json` writes; ends with a newline."""
    content: Mapping[str, Any] = {
        "version": ENVELOPE_VERSION,
        "status": status,
        "data": data,
        "diagnostics": [asdict(one) for one in diagnostics],
    }
    return orjson.dumps(content, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2)


def finish(
    *,
    as_json: bool,
    data: object,
    text: Sequence[str],
    diagnostics: Sequence[Diagnostic] = (),
    failed: bool = False,
) -> None:
    """Ends a command: writes its findings and exits with 0, or with 1 where `failed`."""
    if as_json:
        sys.stdout.buffer.write(envelope("failed" if failed else "ok", data, diagnostics))
        sys.stdout.buffer.flush()
    else:
        sys.stdout.writelines(f"{line}\n" for line in text)
        sys.stdout.writelines(f"{one.severity}: {one}\n" for one in diagnostics)
    if failed:
        raise typer.Exit(Exit.FOUND)


def columns(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: int) -> list[str]:
    """A table as lines of text, never wrapped; the columns from number `right` on are aligned there."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = []
    for row in (titles, *rows):
        cells = [
            cell.ljust(width) if index < right else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def number(value: float | None) -> str:
    """A number for people; a question mark where it is unknown."""
    if value is None:
        return "?"
    # Adding 0.0 makes 0.0 of the -0.0 that a trace below zero is rounded to.
    return f"{value:,}" if isinstance(value, int) else f"{round(value, 1) + 0.0:,.1f}"


def counted(value: int, one: str, many: str = "") -> str:
    """So many of something, as "1 event" or "2 events"; `many` where it is not `one` with an s."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def say(line: str) -> None:
    """One line of progress for people, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
