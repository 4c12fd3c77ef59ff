"""How long work shows its progress: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

Report = Callable[[int, int], None]
"""Called with the number done and the total."""

LINE_SECONDS: Final = 2.0
"""Without a terminal a line appears at most this often: people read a log, they do not watch it."""


@contextmanager
def showing(title: str, unit: str, console: Console | None = None) -> Iterator[Report]:
    """Shows on standard error how far the work in the `with` block is. `unit` is what it counts."""
    # Imported here: most commands show no progress, and should not wait for what draws bars.
    from rich.console import Console

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title, unit)
        return
    from deploy.cli.bar import bar

    with bar(title, unit, console) as report:
        yield report


def _lines(title: str, unit: str) -> Report:
    last_line = time.monotonic()
    first: tuple[float, int] | None = None

    def report(done: int, total: int) -> None:
        nonlocal last_line, first
        now = time.monotonic()
        # The rate leaves out what was done before the first report.
        first = first or (now, done)
        # A total of 0 means that the total is not known yet.
        if not total or (now - last_line < LINE_SECONDS and done < total):
            return
        last_line = now
        took, gained = now - first[0], done - first[1]
        rate = f", {gained / took:,.0f}/s" if took and gained else ""
        left = f", {(total - done) * took / gained:.0f} s left" if rate and done < total else ""
        sys.stderr.write(f"{title}: {done:,} of {total:,} {unit}{rate}{left}\n")
        sys.stderr.flush()

    return report
