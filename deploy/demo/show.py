"""The demo on a running stack: import, wait until all is visible, ask everybody for the figures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from commands.imports import maven_config
from commands.imports.report import ImportReport
from deploy.demo import figures
from deploy.demo.figures import Figure
from deploy.demo.second_reader import expected
from deploy.imports import take_maven
from deploy.standing import look
from deploy.up import Stack
from deploy.wiring import Wiring
from domain.events.catalogue import CATALOGUE

DATA: Final = Path(__file__).parent / "data" / "maven-crm"
VISIBLE_SECONDS: Final = 300.0

Showing = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]
"""Shows the progress of a named work in a unit."""


def imported(stack: Stack, showing: Showing) -> ImportReport:
    """Imports the demo's files and waits until every read model shows them.

    Raises `ImportRefused`, `NotVisible` and the services' errors.
    """
    with Wiring(stack.settings) as wired:
        with showing("Import", "records") as progress:
            report = take_maven(wired, DATA, progress)
        head = wired.follower().settled()
    with showing("Read models", "positions") as progress:
        stack.wait_visible(head, VISIBLE_SECONDS, progress)
    return report


def compared(stack: Stack) -> list[Figure]:
    """Every figure of the second reader, and that store, topics, seals and read models agree."""
    settings = stack.settings
    pipeline = maven_config.load().pipeline
    with Wiring(settings) as wired:
        store = figures.from_store(settings.need("store_url"))
        found = {
            "event store": store,
            "SQL views": figures.from_views(settings.need("reader_url"), pipeline),
            "HTTP board": figures.from_board(stack.url, stack.key, pipeline),
        }
        positions = {row.projection: row.position for row in look(settings).rows if row.active}
        return [
            *figures.compare(expected(DATA), found),
            *figures.of_the_flow(
                all_events=int(store["all events"]),
                seals=wired.seals(),
                kafka=wired.kafka,
                families=CATALOGUE.families,
                projections=positions,
            ),
        ]
