"""Runs the Maven import over a migrated database, and reads back what came of it."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from commands.bulk.recorder import BulkRecorder
from commands.dispatch.context import Context
from commands.dispatch.dispatcher import Commands
from commands.imports import maven
from commands.imports.kit.claims import ClaimFactory
from commands.imports.kit.declaration import Import
from commands.imports.kit.report import ImportReport, Progress
from commands.imports.kit.run import ImportRun
from commands.privacy.cipher import AesGcmCipher
from commands.privacy.kek import FileKek
from commands.privacy.keys import PostgresKeyStore
from commands.store.application import Crm
from commands.store.claims import ClaimTable
from commands.store.event_reader import EventReader
from commands.store.idempotency import Idempotency
from commands.store.identifiers import Identifiers
from commands.store.mapper import EventMapper
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from deploy.configuration.files import load_pipelines
from deploy.settings import load
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import decode
from domain.events.event import SYSTEM, Event

DATA = Path("deploy/demo/data/maven-crm").absolute()
TABLES = ("accounts", "products", "sales_teams", "sales_pipeline")
KEY = bytes(range(32))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def original(table: str) -> list[str]:
    """The lines of a table as published, the header first."""
    return gzip.decompress((DATA / f"{table}.csv.gz").read_bytes()).decode().splitlines()


def folder_with(folder: Path, *, deals: Sequence[str], **tables: Sequence[str]) -> Path:
    """The published tables with these lines (without header) in place of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        lines = original(table)
        given = deals if table == "sales_pipeline" else tables.get(table)
        (folder / f"{table}.csv").write_text("\n".join([lines[0], *(lines[1:] if given is None else given)]))
    return folder


def cells(line: str) -> list[str]:
    """The fields of one line."""
    return next(csv.reader([line]))


@dataclass(frozen=True)
class Importing:
    """A store to import into."""

    commands: Commands
    claims: ClaimTable
    cipher: AesGcmCipher
    follower: EventReader

    def run(
        self,
        path: Path,
        *,
        declared: Import = maven.IMPORT,
        progress: Progress = lambda *_: None,
        now: datetime = NOW,
    ) -> ImportReport:
        """One run of an import, as `rapport import` does it."""
        context = Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=now, new_id=uuid4)
        run = ImportRun(
            BulkRecorder(self.commands, self.claims, context),
            claims=ClaimFactory(KEY, uuid4),
            pipelines=self.commands.pipelines,
            progress=progress,
        )
        declared.run(run, path)
        return run.finish()

    def events(self) -> list[Event]:
        """All events of the store, opened, in order."""
        rows = self.follower.stream(0, self.follower.high_water_mark())
        return [decode(row.event, CATALOGUE, self.cipher) for row in rows]

    def ids(self, source: str, *external_ids: str) -> dict[str, UUID]:
        """The records behind external ids."""
        return {name: claim.id for name, claim in self.claims.find(source, external_ids).items()}


@contextmanager
def importing(url: str) -> Iterator[Importing]:
    """Over the store at `url` (role rapport_app), with the pipelines that come with the program."""
    pool = Pool(url, 2)
    cipher = AesGcmCipher(PostgresKeyStore(url, FileKek(KEY)))
    crm = Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(CATALOGUE, cipher))
    follower = EventReader(url)
    try:
        commands = Commands(crm, Idempotency(pool, KEY), load_pipelines(load()), Identifiers(KEY))
        yield Importing(commands, ClaimTable(pool), cipher, follower)
    finally:
        follower.close()
        pool.close()
