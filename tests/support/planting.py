"""An installation whose every private field holds an unmistakable value, and the places to look for it.

The read side has a PostgreSQL of its own: it alone shows private values in clear. Relay, workers and API run
in this process, so that all their logs are seen.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg2
from prometheus_client import CollectorRegistry, generate_latest

from commands.directory.api_keys import SCOPES
from consumers.worker.worker import Worker
from deploy import setup
from deploy.first_key import service_account
from deploy.local.postgres import LocalPostgres
from deploy.settings import Settings, load, write_env_file
from deploy.wiring import http_api, measures, processes, wiring
from domain.events.catalogue import CATALOGUE
from domain.events.event import SYSTEM, Event
from domain.events.private import METADATA
from projections.registry import PROJECTIONS
from tests.support.commanding import shared_passwords
from tests.support.http import served
from tests.support.payloads import example
from tests.support.relaying import until
from tests.support.store import execute

Needles = tuple[bytes, ...]


def new_secret() -> str:
    """Digits that stand in no other file of this machine; they fit into a phone number as into a name."""
    return "9" + "".join(secrets.choice("123456789") for _ in range(13))


def needles(secret: str) -> Needles:
    """The secret as it is, and as it shows in base64 and in hexadecimal digits."""
    raw = secret.encode()
    inside = [b64encode(b"x" * shift + raw)[4 if shift else 0 : 16] for shift in range(3)]
    return (raw, raw.hex().encode(), *inside)


@dataclass
class Planted:
    """The installation. `secret` stands in what commands recorded and in what was refused, `other` in events
    that no person can be erased of. `errors` are the bodies of refusals."""

    home: Path
    settings: Settings
    wired: wiring.Wiring
    client: httpx.Client
    log: StringIO
    secret: str = field(default_factory=new_secret)
    other: str = field(default_factory=new_secret)
    errors: list[str] = field(default_factory=list)
    figures: CollectorRegistry = field(default_factory=CollectorRegistry)
    ids: dict[str, str] = field(default_factory=dict)
    erasures: list[UUID] = field(default_factory=list)
    running: list[threading.Thread] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def plant(self, what: str = "") -> str:
        """A value that holds the secret."""
        return f"{what}{self.secret}"

    def events(self) -> list[Event]:
        """An event of each type with private fields, each of them planted: a new one is planted by itself.

        Nothing comes before them, so some read models hold them back, with whatever they say of it.
        """
        now = datetime.now(UTC)
        found = []
        for kind in CATALOGUE.types:
            private = [f.name for f in dataclasses.fields(kind.payload) if METADATA in f.metadata]
            if private:
                id = uuid4()
                planted = {name: f"{kind.name} {name} {self.other}" for name in private}
                payload = dataclasses.replace(example(kind.payload), **planted)
                found.append(
                    Event(
                        originator_id=id, originator_version=1, party=id, time=now, recorded=now,
                        correlation=uuid4(), cause=None, actor=SYSTEM, payload=payload,
                    )
                )  # fmt: skip
        return found

    def post(self, path: str, **body: Any) -> str:
        """A command whose headers are private too; the id of what it made or changed."""
        headers = {"Idempotency-Key": self.plant(f"{uuid4()}-"), "If-Match": "*"}
        headers |= {name: self.plant("Ada ") for name in ("Correlation-Id", "User-Agent", "Traceparent")}
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    def refused(self, method: str, path: str, **options: Any) -> None:
        """A request that cannot be, with the secret in it."""
        answer = self.client.request(method, path, **options)
        assert answer.status_code >= 400, answer.text
        self.errors.append(answer.text + str(answer.headers))

    def metrics(self) -> bytes:
        """What the API and the workers show."""
        return self.client.get("/metrics").content + generate_latest(self.figures)

    def start(self) -> list[Worker]:
        """Starts relay and workers."""
        workers = [processes.worker(self.wired, projection) for projection in PROJECTIONS]
        self.ending = threading.Event()
        for run in (processes.relay(self.wired).run, *(worker.run for worker in workers)):
            self.running.append(threading.Thread(target=run, args=(self.ending,)))
            self.running[-1].start()
        return workers

    def stop(self) -> None:
        """Ends them."""
        self.ending.set()
        while self.running:
            self.running.pop().join()

    def caught_up(self) -> bool:
        """Whether every read model has all that is in the store."""
        head = execute(self.settings.need("admin_url"), "SELECT max(position) FROM store.event")[0][0]
        seen = execute(
            str(self.settings.read_admin_url),
            "SELECT count(*), min(position) FROM control.share WHERE state <> 'seal_mismatch'",
        )
        return bool(seen[0][0] == len(PROJECTIONS) * self.settings.partitions and seen[0][1] >= head)


@contextmanager
def planted(home: Path, store: str, read: LocalPostgres, bootstrap: str, **more: Any) -> Iterator[Planted]:
    """The installation on a store at the superuser's URL `store`, the read side on `read`; its keys are with
    the store unless `more` gives them another place."""
    settings = load(
        home=home, admin_url=store, read_admin_url=read.admin_url, kafka_bootstrap=bootstrap, **more
    )
    shared_passwords(home)
    settings = setup.prepare(settings, say=lambda _: None).settings
    write_env_file(settings)
    with ExitStack() as stack:
        log = stack.enter_context(logged())
        wired = stack.enter_context(wiring.Wiring(settings))
        _, key = wired.api_keys.create(service_account(wired.commands, "planted"), "planted", SCOPES)
        address = stack.enter_context(served(http_api.services(wired, threading.Event())))
        headers = {"Authorization": f"Bearer {key}"}
        client = stack.enter_context(httpx.Client(base_url=address, headers=headers, timeout=30))
        here = Planted(home, settings, wired, client, log)
        stack.callback(here.stop)
        for projection, worker in zip(PROJECTIONS, here.start(), strict=True):
            for figures in measures.worker_figures(wired, projection, worker)[:1]:
                stack.callback(here.figures.unregister, figures)
                here.figures.register(figures)
        yield here


@contextmanager
def logged() -> Iterator[StringIO]:
    """Everything that is logged meanwhile, with the tracebacks: by libraries what `deploy/logs.py` lets them
    say, by us at every level."""
    text = StringIO()
    handler = logging.StreamHandler(text)
    wanted = {"": logging.DEBUG, "kafka": logging.CRITICAL}
    wanted |= dict.fromkeys(("httpx", "httpcore", "uvicorn.access", "asyncio"), logging.WARNING)
    before = {name: logging.getLogger(name).level for name in wanted}
    logging.getLogger().addHandler(handler)
    for name, level in wanted.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield text
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def tables(url: str) -> dict[str, bytes]:
    """Every row of every table of the database, as its exact bytes."""
    found = {}
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as c:
        c.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') "
            "AND NOT starts_with(schemaname, 'pg_temp')"  # a worker's, which ends with it
        )
        for (name,) in c.fetchall():
            content = BytesIO()
            c.copy_expert(f"COPY {name} TO STDOUT (FORMAT binary)", content)
            found[name] = content.getvalue()
    return found


def files_with(folder: Path, *wanted: str) -> list[str]:
    """The files below a folder that hold one of these texts. A file that goes meanwhile holds nothing."""
    raw = [text.encode() for text in wanted]
    found = []
    for file in sorted(folder.rglob("*")):
        try:
            content = file.read_bytes() if file.is_file() else b""
        except FileNotFoundError:
            continue
        if any(each in content for each in raw):
            found.append(str(file.relative_to(folder)))
    return found


def holders(places: dict[str, bytes], wanted: Needles) -> Sequence[str]:
    """The names of the places that hold one of them."""
    return [name for name, content in places.items() if any(each in content for each in wanted)]


def forget_files(url: str) -> None:
    """What an administrator does so that a database's files hold no rows that were changed: tables and their
    statistics are written anew, and the log that holds the old ones goes."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as c:
        connection.autocommit = True
        c.execute("ANALYZE")
        c.execute("VACUUM (FULL)")
        for _ in range(2):
            c.execute("SELECT pg_switch_wal()")
            c.execute("CHECKPOINT")


def plant_all(here: Planted) -> None:
    """Plants every private field, by commands where people do, else as events; and what is refused."""
    plant = here.plant
    customer = here.post("/v1/customers", kind="person", name=plant("Ada "))
    contact = here.post("/v1/contacts", customer_id=customer, name=plant("Bea "))
    here.post(f"/v1/contacts/{contact}:addPoint", kind="email", value=plant("bea@") + ".example.org")
    here.post(f"/v1/contacts/{contact}:addPoint", kind="phone", value=plant("+44"))
    lead = here.post("/v1/leads", name=plant("Cle "), email=plant("cle@") + ".org", phone=plant("+1"))
    case = here.post("/v1/cases", kind="question", customer_id=customer, subject=plant(), description=plant())
    interaction = here.post(
        "/v1/interactions", kind="email", direction="inbound", channel="email", customer_id=customer,
        participants=[contact], subject=plant(), body=plant("Dear all, "),
        reference={"source": "mail", "external_id": "1"},
        attachments=[{
            "reference": "s3:1", "sha256": "0" * 64, "media_type": "text/plain", "size": 1,
            "file_name": plant("cv-"),
        }],
    )  # fmt: skip
    here.post(f"/v1/interactions/{interaction}:correct", body=plant("Dear both, "), reason=plant("typo "))
    opportunity = here.post("/v1/opportunities", pipeline=next(iter(here.wired.pipelines)))
    here.post(f"/v1/opportunities/{opportunity}:changeAmount", amount={"amount": "900", "currency": "USD"})
    here.ids = {"customers": customer, "contacts": contact, "leads": lead, "cases": case}
    here.ids |= {"interactions": interaction, "opportunities": opportunity}
    for event in here.events():
        here.wired.crm.record([event])
    asked = {"kind": "email", "value": plant("BEA@") + ".example.org"}
    found = here.client.post("/v1/contacts:lookup", json=asked).json()["candidates"]
    assert [each["contact_id"] for each in found] == [contact], "the blind index knows it"
    here.refused("POST", "/v1/contacts:lookup", json={"kind": "email", "value": plant()})
    here.refused("POST", f"/v1/contacts/{contact}:addPoint", json={"kind": "email", "value": plant()},
                 headers={"If-Match": "*"})  # fmt: skip
    here.refused("POST", "/v1/customers", json={plant("field"): plant()})
    here.refused("POST", "/v1/customers", json={"kind": plant(), "name": plant()})
    here.refused(
        "POST",
        "/v1/customers",
        content=f'{{"name": "{plant()}"',
        headers={"Content-Type": "application/json"},
    )
    here.refused("GET", f"/v1/{plant()}")
    here.refused("GET", "/v1/customers:search", params={plant("x"): plant()})
    here.refused("GET", "/v1/leads/" + lead, headers={"Authorization": f"Bearer {plant('rk_')}"})
    until(here.caught_up, "every read model has everything", 60)
