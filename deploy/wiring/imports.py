"""The imports over a wired store, for the command line and the demo alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from commands.dispatch.context import Context
from commands.imports.kit.claims import ClaimFactory
from commands.imports.kit.declaration import Import
from commands.imports.kit.report import ImportReport, Progress
from commands.imports.kit.run import ImportRun
from deploy.wiring.wiring import Wiring
from domain.events.event import SYSTEM


def run_import(
    wired: Wiring, declared: Import, path: Path, *, progress: Progress, config_file: Path | None = None
) -> ImportReport:
    """Runs an import of what lies at `path`, with the program's own configuration or that in `config_file`.

    Raises `ImportRefused` where it cannot begin, and the store's errors.
    """
    context = Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid4)
    run = ImportRun(
        wired.bulk(context),
        claims=ClaimFactory(wired.secrets.read("id-key"), uuid4),
        pipelines=wired.pipelines,
        config_file=config_file,
        progress=progress,
    )
    declared.run(run, path)
    return run.finish()
