"""Runs the imports of CDNOW and of incidents over a store that `importing` opened."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from commands.bulk.recorder import BulkRecorder
from commands.dispatch.context import Context
from commands.imports import incidents_config
from commands.imports.cdnow import import_cdnow
from commands.imports.incidents import import_incidents
from commands.imports.report import ImportReport, Progress
from domain.events.event import SYSTEM
from tests.support.importing import KEY, NOW, Importing

CDNOW = Path("deploy/demo/data/cdnow").absolute()
INCIDENTS = Path("deploy/demo/data/incidents").absolute()


def recorder(target: Importing, now: datetime = NOW) -> BulkRecorder:
    """As a run of an import has it."""
    context = Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=now, new_id=uuid4)
    return BulkRecorder(target.commands, target.claims, context)


def cdnow(
    target: Importing, path: Path, *, now: datetime = NOW, progress: Progress = lambda *_: None
) -> ImportReport:
    """One run, as `rapport import cdnow` does it."""
    return import_cdnow(path, recorder=recorder(target, now), digest_key=KEY, new_id=uuid4, progress=progress)


def incidents(
    target: Importing, path: Path, *, now: datetime = NOW, progress: Progress = lambda *_: None
) -> ImportReport:
    """One run, as `rapport import incidents` does it."""
    return import_incidents(
        path,
        recorder=recorder(target, now),
        config=incidents_config.load(),
        digest_key=KEY,
        new_id=uuid4,
        progress=progress,
    )


def cdnow_lines() -> list[str]:
    """The lines of the purchases as published, the header first."""
    return gzip.decompress((CDNOW / "CDNOW_master.txt.gz").read_bytes()).decode().splitlines()


def incident_lines() -> list[str]:
    """The lines of the log as published, the header first."""
    return gzip.decompress((INCIDENTS / "incident_event_log.csv.gz").read_bytes()).decode().splitlines()


def file_of(path: Path, *lines: str) -> Path:
    """A file of these lines."""
    path.write_text("\n".join(lines) + "\n")
    return path
