"""The real API on a free port over a real database, and read models brought up to date on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import psycopg2
import uvicorn

from api.app import create_app
from api.reads.links import links
from api.services import ApiLimits, Services
from commands.directory.api_keys import SCOPES, ApiKeys
from commands.dispatch.dispatcher import Commands
from commands.privacy.cipher import AesGcmCipher
from commands.privacy.erasure import Erasures
from commands.privacy.kek import FileKek
from commands.privacy.keys import PostgresKeyStore
from commands.privacy.person import People
from commands.privacy.tombstones import Tombstones
from commands.store.application import Crm
from commands.store.claims import ClaimTable
from commands.store.contact_index import ContactIndex
from commands.store.event_reader import EventReader
from commands.store.idempotency import Idempotency
from commands.store.identifiers import Identifiers
from commands.store.mapper import EventMapper
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from deploy.local.postgres import LocalPostgres
from deploy.serve import configured
from domain.configuration.pipelines import Pipelines, parse
from domain.events.catalogue import CATALOGUE
from projections.registry import PROJECTIONS
from projections.release.schema import install
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder, Received
from tests.support.database import PARTITIONS, Urls, migrated

PRINCIPAL = UUID("00000000-0000-4000-8000-0000000000aa")
KEY = bytes(range(32))
ALL_PROJECTIONS = tuple(projection.name for projection in PROJECTIONS)


def pipelines() -> Pipelines:
    """Two pipelines: `sales`, and `small` with one open stage less."""
    closed = [
        {"id": "won", "name": "Won", "probability": 100, "kind": "won"},
        {"id": "lost", "name": "Lost", "probability": 0, "kind": "lost"},
    ]
    stages = [("prospecting", 10), ("qualification", 20), ("proposal", 50), ("negotiation", 80)]
    opened = [
        {"id": id, "name": id.capitalize(), "probability": percent, "kind": "open"} for id, percent in stages
    ]
    return parse(
        {
            "sales": {
                "name": "Sales",
                "currency": "USD",
                "lost_reasons": ["price", "other"],
                "stages": [*opened, *closed],
            },
            "small": {
                "name": "Small",
                "currency": "USD",
                "lost_reasons": ["price"],
                "stages": [*opened[:3], *closed],
            },
        }
    )


@dataclass
class Api:
    """The API under test. `client` holds a key with every scope."""

    urls: Urls
    services: Services
    address: str
    client: httpx.Client
    cipher: AesGcmCipher

    def key(self, *scopes: str) -> str:
        """A new key with these scopes."""
        return self.services.api_keys.create(PRINCIPAL, "test", scopes)[1]

    def send(self, method: str, path: str, *scopes: str, **options: Any) -> httpx.Response:
        """One request with a new key that has just these scopes."""
        headers = {"Authorization": f"Bearer {self.key(*scopes)}"} | options.pop("headers", {})
        return self.client.request(method, path, headers=headers, **options)

    def open(self, **fields: Any) -> dict[str, Any]:
        """Opens an opportunity in `sales` and gives the answer's body."""
        answer = self.client.post("/v1/opportunities", json={"pipeline": "sales"} | fields)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def move(self, id: str, verb: str, version: int | str, **fields: Any) -> httpx.Response:
        """Sends a move with `If-Match`."""
        return self.client.post(
            f"/v1/opportunities/{id}:{verb}", json=fields, headers={"If-Match": f'"{version}"'}
        )

    def create(self, collection: str, **fields: Any) -> str:
        """Makes a record and gives its id."""
        answer = self.client.post(f"/v1/{collection}", json=fields)
        assert answer.status_code == 201, answer.text
        id: str = answer.json()["id"]
        assert answer.headers.get("location", f"/v1/{collection}/{id}") == f"/v1/{collection}/{id}"
        return id

    def read(self, collection: str, id: str) -> dict[str, Any]:
        """A record as the store has it, its version as ETag."""
        answer = self.client.get(f"/v1/{collection}/{id}")
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()
        assert answer.headers["etag"] == f'"{record["version"]}"'
        return record

    def change(self, collection: str, id: str, verb: str, **fields: Any) -> httpx.Response:
        """Sends a change of whatever version there is."""
        return self.client.post(f"/v1/{collection}/{id}:{verb}", json=fields, headers={"If-Match": "*"})

    def catch_up(self, upto: int | None = None, projections: Sequence[str] = ("pipeline", "identity")) -> int:
        """Applies the store's events to the read models, as workers would; the position reached."""
        with closing(psycopg2.connect(self.urls.worker)) as connection:
            return max(self._apply(connection, name, upto) for name in projections)

    def _apply(self, connection: Any, name: str, upto: int | None) -> int:
        projection = next(p for p in PROJECTIONS if p.name == name)
        applier = Applier(projection, Decoder(CATALOGUE, self.cipher if projection.private else None))
        follower = EventReader(self.urls.worker)
        target = follower.high_water_mark() if upto is None else upto
        with connection.cursor() as c:
            applier.prepare(c)
            connection.commit()
            applier.forget(c)
            c.execute("SELECT min(position) FROM control.share WHERE projection = %s", (name,))
            after: int = c.fetchone()[0]
            rows = follower.read(after, target, limit=10_000, max_bytes=1 << 24)
            applier.apply(
                c,
                [
                    Received(row.position, str(row.party), row.event)
                    for row in rows
                    if row.type.split(".")[1] in projection.families
                ],
            )
            c.execute("UPDATE control.share SET position = %s WHERE projection = %s", (target, name))
        connection.commit()
        return target


@contextmanager
def running(database: str, *, limits: ApiLimits | None = None, **given: Any) -> Iterator[Api]:
    """Migrates the database, then serves the API over it; `given` replaces members of `Services`."""
    at = migrated(database, read_side=partial(install, partitions=PARTITIONS))
    with ExitStack() as closing_stack:
        store, read = Pool(at.app, 8), Pool(at.app, 8)
        closing_stack.callback(store.close)
        closing_stack.callback(read.close)
        cipher = AesGcmCipher(PostgresKeyStore(at.app, FileKek(KEY)))
        crm = Crm(recorder=PostgresApplicationRecorder(store), mapper=EventMapper(CATALOGUE, cipher))
        members: dict[str, Any] = {
            "commands": Commands(crm, Idempotency(store, KEY), pipelines(), Identifiers(KEY)),
            "crm": crm,
            "claims": ClaimTable(store),
            "read_pool": read,
            "erasing": erasing(crm, cipher, store, read),
            "api_keys": ApiKeys(store),
            "pipelines": pipelines(),
            "token_key": KEY,
            "head": lambda: crm.recorder.max_notification_id() or 0,
            "limits": limits or ApiLimits(),
        }
        services = Services(**(members | given))
        address = closing_stack.enter_context(served(services))
        _, key = services.api_keys.create(PRINCIPAL, "all", SCOPES)
        client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=20)
        closing_stack.callback(client.close)
        yield Api(at, services, address, client, cipher)


def erasing(crm: Crm, cipher: AesGcmCipher, store: Pool, read: Pool) -> Erasures:
    """What erases persons; it expects that the read models are up to date."""
    people = People(crm, links(read, wait=0))
    return Erasures(crm, people, Tombstones(store), ContactIndex(store), cipher)


@contextmanager
def served(services: Services) -> Iterator[str]:
    """The application on a free port of this machine, in a thread; its address."""
    config = configured(create_app(services))
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def database(server: LocalPostgres, name: str) -> Iterator[str]:
    """A new database for a whole module, dropped afterwards; the superuser's URL."""
    with closing(psycopg2.connect(server.url("postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as c:
            c.execute(f'CREATE DATABASE "{name}"')
            yield server.url(name)
            c.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that `answer` must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert body["type"] == f"urn:rapport:problem:{code}"
    assert body["correlation_id"] == answer.headers["correlation-id"]
    assert body["detail"].endswith((".", "?"))
    return body
