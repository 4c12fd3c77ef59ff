"""An installation to be given bad input: a migrated store, its topics, the API, and the command line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from commands.directory.api_keys import SCOPES
from deploy import setup
from deploy.first_key import service_account
from deploy.settings import load, write_env_file
from deploy.wiring import http_api, wiring
from tests.support.commanding import run, shared_passwords
from tests.support.http import served
from tests.support.importing import folder_with, original
from tests.support.upping import rapport

DEALS = original("sales_pipeline")
AGENT = "Moses Frase"

Answer = tuple[int, str]
"""HTTP status or exit code, and all that was said."""


@dataclass
class World:
    """What the rows of the table act on. `opportunity` is an open one at `version` 1."""

    home: Path
    admin_url: str
    files: Path
    client: httpx.Client
    opportunity: str

    def events(self) -> int:
        """How many events the store holds."""
        return int(self.ask("SELECT count(*) FROM store.event"))

    def ask(self, statement: str) -> Any:
        """The one value of a statement, as superuser; None for a statement without an answer."""
        connection = psycopg2.connect(self.admin_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return None if cursor.description is None else cursor.fetchall()[0][0]
        finally:
            connection.close()

    def process(self, *words: str, **more: str) -> Answer:
        """A command as a process of its own."""
        done = rapport(self.home, *words, **more)
        return done.returncode, done.stdout + done.stderr

    def cli(self, *words: str, **more: str) -> Answer:
        """A command run in this process: a start of Python saved for each row of the table."""
        return run(self.home, *words, **more)

    def post(self, path: str, version: int | None = None, **body: Any) -> Answer:
        """A command by HTTP."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        answer = self.client.post(path, json=body, headers=headers)
        return answer.status_code, answer.text

    def move(self, verb: str, **body: Any) -> Answer:
        """A move of the opportunity."""
        return self.post(f"/v1/opportunities/{self.opportunity}:{verb}", 1, **body)

    def imported(self, name: str, *rows: str, encoding: str = "utf-8") -> Answer:
        """An import of the published small tables and these deals, of which the first is good and new."""
        good = f"{name},{AGENT},GTX Basic,,Prospecting,,,"
        folder = folder_with(self.files / name, deals=[good, *rows])
        file = folder / "sales_pipeline.csv"
        file.write_bytes(file.read_text().encode(encoding))
        return self.cli("import", "maven", str(folder))

    def claimed(self, name: str) -> bool:
        """Whether a deal of that id was taken."""
        return bool(self.ask(f"SELECT count(*) FROM store.claim WHERE external_id = '{name}'"))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table. `answer` is the HTTP status or exit code, `added` the events recorded."""

    given: str
    act: Callable[[World], Answer]
    answer: int
    sentence: str
    kept: str
    added: int = 0


@contextmanager
def world(home: Path, files: Path, admin_url: str, bootstrap: str) -> Iterator[World]:
    """Set up as `rapport migrate` does it; the API is served by this process."""
    settings = load(home=home, admin_url=admin_url, kafka_bootstrap=bootstrap)
    shared_passwords(home)
    settings = setup.prepare(settings, say=lambda _: None).settings
    write_env_file(settings)
    with wiring.Wiring(settings) as wired:
        _, key = wired.api_keys.create(service_account(wired.commands, "bad input"), "bad input", SCOPES)
        with (
            served(http_api.services(wired, threading.Event())) as address,
            httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=20) as client,
        ):
            opened = client.post("/v1/opportunities", json={"pipeline": "sales"})
            assert opened.status_code == 201, opened.text
            here = World(home, admin_url, files, client, opened.json()["id"])
            code, said = here.imported(
                "GOOD0000"
            )  # the small tables, so that a row adds its own events alone
            assert code == 0, said
            yield here
