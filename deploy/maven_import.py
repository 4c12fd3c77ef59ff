"""The Maven import over a wired store, for the command line and the demo alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from commands.context import Context
from commands.imports import maven_config
from commands.imports.maven import import_maven
from commands.imports.report import ImportReport, Progress
from deploy.wiring import Wiring
from domain.events.event import SYSTEM


def take(wired: Wiring, folder: Path, progress: Progress, config: Path | None = None) -> ImportReport:
    """Imports the files in `folder` with the configuration that comes with the program, or another.

    Raises `ImportRefused` where it cannot begin, and the store's errors.
    """
    context = Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid4)
    return import_maven(
        folder,
        recorder=wired.bulk(context),
        pipelines=wired.pipelines,
        config=maven_config.load(config or maven_config.DEFAULT),
        digest_key=wired.secrets.read("id-key"),
        new_id=uuid4,
        progress=progress,
    )
