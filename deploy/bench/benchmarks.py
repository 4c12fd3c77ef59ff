"""The table of benchmarks, and what each of them is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from deploy.bench.findings import Finding
    from deploy.bench.services import Services

BENCHMARKS: Final[Mapping[str, str]] = {
    "append": "deploy.bench.append",
    "bulk": "deploy.bench.bulk",
    "visible": "deploy.bench.visible",
    "relay": "deploy.bench.relay",
    "projection": "deploy.bench.projection",
    "rebuild": "deploy.bench.rebuild",
    "privacy": "deploy.bench.privacy",
    "audit": "deploy.bench.audit",
    "timeline": "deploy.bench.timeline",
    "follow": "deploy.bench.follow",
    "growth": "deploy.bench.growth",
}
"""Name -> module, in the order they run; `follow` late, since it leaves millions of published events behind.

Each module has `measure(bench) -> Iterator[Finding]`, and where it counts events `EVENTS`: how many a round
has by default.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a benchmark is given: the services to run on, and how long to measure.

    `events` is the number per round; None means the benchmark's own number, or its larger one with `long`.
    `say` prints a line of progress.
    """

    services: Services
    events: int | None
    rounds: int
    long: bool = False
    say: Callable[[str], None]


def measured(names: Sequence[str], bench: Bench) -> Iterator[Finding]:
    """What these benchmarks found, in the order of the table. Raises `BenchFailed`."""
    for name, module in BENCHMARKS.items():
        if name in names:
            yield from import_module(module).measure(bench)
