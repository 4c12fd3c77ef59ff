"""What the tour needs of `curl`, for machines that have none: `python -m tests.support.curl ...`.

It speaks HTTP by httpx and prints what comes back. An option that the tour does not use is refused, and the
tour fails with it, so that nobody believes in a command that was not run as it stands.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

FORM = "application/x-www-form-urlencoded"
"""What curl calls the data of `-d` where no header says otherwise."""


def on_path(folder: Path) -> str | None:
    """The folder to put before `PATH`, with a `curl` in it; None where the machine has its own."""
    if shutil.which("curl"):
        return None
    program = folder / "curl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {__name__} "$@"\n')
    program.chmod(0o755)
    return str(folder)


def main(words: Sequence[str]) -> int:
    """One request; 7 where nobody can be reached, as with curl."""
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("-s", action="store_true", help="no progress; there is none anyway")
    parser.add_argument("-X", dest="method", metavar="METHOD")
    parser.add_argument("-H", dest="headers", metavar="HEADER", action="append", default=[])
    parser.add_argument("-d", dest="data", metavar="DATA")
    parser.add_argument("url")
    asked = parser.parse_args(words)
    sent = dict(header.split(": ", 1) for header in asked.headers)
    if asked.data is not None:
        sent = {"Content-Type": FORM} | sent
    url = asked.url if "://" in asked.url else f"http://{asked.url}"
    method = asked.method or ("GET" if asked.data is None else "POST")
    try:
        answer = httpx.request(method, url, headers=sent, content=asked.data, timeout=60)
    except httpx.TransportError as error:
        sys.stderr.write(f"curl: (7) {error}\n")
        return 7
    sys.stdout.buffer.write(answer.content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
