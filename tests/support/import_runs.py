"""Runs the imports of CDNOW and of incidents over a store that `importing` opened."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

from commands.imports import cdnow as cdnow_import
from commands.imports import incidents as incidents_import
from commands.imports.kit.report import ImportReport, Progress
from tests.support.importing import NOW, Importing

CDNOW = Path("deploy/demo/data/cdnow").absolute()
INCIDENTS = Path("deploy/demo/data/incidents").absolute()


def cdnow(
    target: Importing, path: Path, *, now: datetime = NOW, progress: Progress = lambda *_: None
) -> ImportReport:
    """One run, as `rapport import cdnow` does it."""
    return target.run(path, declared=cdnow_import.IMPORT, now=now, progress=progress)


def incidents(
    target: Importing, path: Path, *, now: datetime = NOW, progress: Progress = lambda *_: None
) -> ImportReport:
    """One run, as `rapport import incidents` does it."""
    return target.run(path, declared=incidents_import.IMPORT, now=now, progress=progress)


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
