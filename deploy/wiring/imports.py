"""The imports over a wired store, for the command line and the demo alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from commands.bulk.recorder import BulkRecorder
from commands.dispatch.context import Context
from commands.imports import incidents_config, maven_config
from commands.imports.cdnow import import_cdnow
from commands.imports.incidents import import_incidents
from commands.imports.maven import import_maven
from commands.imports.report import ImportReport, Progress
from deploy.wiring.wiring import Wiring
from domain.events.event import SYSTEM

Take = Callable[[Wiring, Path, Progress], ImportReport]
"""An import of what lies at a path. Raises `ImportRefused` where it cannot begin, and the store's errors."""


def take_maven(wired: Wiring, path: Path, progress: Progress, config: Path | None = None) -> ImportReport:
    """The Maven files in the folder `path`, with the program's own configuration or another."""
    return import_maven(
        path,
        recorder=_recorder(wired),
        pipelines=wired.pipelines,
        config=maven_config.load(config or maven_config.DEFAULT),
        digest_key=_key(wired),
        new_id=uuid4,
        progress=progress,
    )


def take_cdnow(wired: Wiring, path: Path, progress: Progress) -> ImportReport:
    """The CDNOW file at `path`."""
    return import_cdnow(
        path, recorder=_recorder(wired), digest_key=_key(wired), new_id=uuid4, progress=progress
    )


def take_incidents(wired: Wiring, path: Path, progress: Progress, config: Path | None = None) -> ImportReport:
    """The incident log at `path`, with the program's own configuration or another."""
    return import_incidents(
        path,
        recorder=_recorder(wired),
        config=incidents_config.load(config or incidents_config.DEFAULT),
        digest_key=_key(wired),
        new_id=uuid4,
        progress=progress,
    )


def _recorder(wired: Wiring) -> BulkRecorder:
    return wired.bulk(
        Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid4)
    )


def _key(wired: Wiring) -> bytes:
    return wired.secrets.read("id-key")
