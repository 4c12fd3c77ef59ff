"""How long work shows: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

Report = Callable[[int, int], None]
"""Called with what is done and the whole."""

LINE_SECONDS: Final = 2.0
"""Where there is no terminal, a line at most this often: a log is read, not watched."""


@contextmanager
def showing(title: str, unit: str, console: Console | None = None) -> Iterator[Report]:
    """Shows how far the work in the `with` block is, on standard error: `title`, and what is counted."""
    # Only now: most commands show nothing, and should not wait for what draws bars.
    from rich.console import Console

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title, unit)
        return
    from deploy.cli.bar import bar

    with bar(title, unit, console) as report:
        yield report


def _lines(title: str, unit: str) -> Report:
    told = time.monotonic()
    first: tuple[float, int] | None = None

    def report(done: int, total: int) -> None:
        nonlocal told, first
        now = time.monotonic()
        # What was done before the first report is not this work's rate.
        first = first or (now, done)
        # Of nothing, nothing is done: the whole is not known yet.
        if not total or (now - told < LINE_SECONDS and done < total):
            return
        told = now
        took, gained = now - first[0], done - first[1]
        rate = f", {gained / took:,.0f}/s" if took and gained else ""
        left = f", {(total - done) * took / gained:.0f} s left" if rate and done < total else ""
        sys.stderr.write(f"{title}: {done:,} of {total:,} {unit}{rate}{left}\n")
        sys.stderr.flush()

    return report
