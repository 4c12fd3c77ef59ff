"""The demo on a running stack: import, wait until all is visible, collect the figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from commands.imports import cdnow, incidents, maven
from commands.imports.kit.declaration import Import
from commands.imports.kit.report import ImportReport
from commands.imports.maven_files import config
from deploy.demo import figures, second_reader, second_reader_cdnow, second_reader_incidents
from deploy.demo.figures import Figure, Number
from deploy.health.projection_health import projection_health
from deploy.up import Stack
from deploy.wiring.imports import run_import
from deploy.wiring.wiring import Wiring
from domain.events.catalogue import CATALOGUE

DATA: Final = Path(__file__).parent / "data"
VISIBLE_TIMEOUT_SECONDS: Final = 300.0

Showing = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]
"""Shows the progress of a named work in a unit."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """A real data set: its name, where it lies under `data/`, and its import."""

    name: str
    path: Path
    declared: Import


DATA_SETS: Final = (
    DataSet("maven-crm", DATA / "maven-crm", maven.IMPORT),
    DataSet("cdnow", DATA / "cdnow" / "CDNOW_master.txt.gz", cdnow.IMPORT),
    DataSet("incidents", DATA / "incidents" / "incident_event_log.csv.gz", incidents.IMPORT),
)


@dataclass(frozen=True, slots=True)
class ImportTimes:
    """A report for each data set, and the seconds from the beginning until all was imported and visible."""

    reports: list[tuple[str, ImportReport]]
    import_seconds: float
    visible_seconds: float

    @property
    def took(self) -> str:
        """How long it took, in a sentence."""
        return f"Imported in {self.import_seconds:.0f} s, all visible after {self.visible_seconds:.0f} s."


def imported(stack: Stack, showing: Showing) -> ImportTimes:
    """Imports the demo's files and waits until every read model shows them.

    Raises `ImportRefused`, `NotVisible` and the services' errors.
    """
    reports = []
    began = time.monotonic()
    with Wiring(stack.settings) as wired:
        for data in DATA_SETS:
            with showing(f"Import of {data.name}", "records") as progress:
                report = run_import(wired, data.declared, data.path, progress=progress)
                reports.append((data.name, report))
        head = wired.follower().high_water_mark()
    import_seconds = time.monotonic() - began
    with showing("Read models", "positions") as progress:
        stack.wait_visible(head, VISIBLE_TIMEOUT_SECONDS, progress)
    return ImportTimes(reports, import_seconds, time.monotonic() - began)


def expected() -> dict[str, Number]:
    """What the second readers of the data sets expect, by figure."""
    pipeline = second_reader.expected(DATA / "maven-crm")
    shop = second_reader_cdnow.expected(DATA / "cdnow")
    desk = second_reader_incidents.expected(DATA / "incidents")
    in_all = pipeline["customers"] + shop["shop customers"] + desk["callers"]
    return {**pipeline, **shop, **desk, "customers in all": in_all}


def compared(stack: Stack) -> list[Figure]:
    """Every figure of the second reader, and that store, topics, seals and read models agree."""
    settings = stack.settings
    pipeline = config.load().pipeline
    with Wiring(settings) as wired:
        store = figures.from_store(settings.need("store_url"))
        found = {
            "event store": store,
            "SQL views": figures.from_views(settings.need("reader_url"), pipeline),
            "HTTP board": figures.from_board(stack.url, stack.key, pipeline),
            "HTTP reports": figures.from_service(stack.url, stack.key),
        }
        positions = {row.projection: row.position for row in projection_health(settings).rows if row.active}
        return [
            *figures.compare(expected(), found),
            *figures.of_the_flow(
                all_events=int(store["all events"]),
                seals=wired.seals(),
                kafka=wired.kafka,
                families=CATALOGUE.families,
                projections=positions,
            ),
        ]
