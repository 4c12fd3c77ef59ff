"""An installation on a PostgreSQL server of its own, whose data folder is copied and put back for real."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg2

from commands.dispatch.context import Context
from commands.dispatch.decision import Targeted
from deploy.first_key import service_account
from deploy.local.postgres import LocalPostgres, programs
from deploy.settings import Settings, load
from deploy.wiring import http_api, wiring
from domain.activities.interaction.commands import RecordInteraction
from domain.customers.contact.commands import AddContactPoint, RegisterContact
from domain.customers.customer.commands import RegisterCustomer
from domain.events.event import SYSTEM
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.opportunity.commands import ChangeAmount, OpenOpportunity
from tests.support.commanding import run, shared_passwords
from tests.support.http import served
from tests.support.kafka import delete_topics
from tests.support.nursery import nursery
from tests.support.relaying import until
from tests.support.store import execute

TABLES = ("event", "seal", "claim", "contact_index")


@dataclass
class Installation:
    """One installation: its home folder, its own server, and the processes that were started."""

    home: Path
    server: LocalPostgres
    bootstrap: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return load(home=self.home)

    @property
    def admin(self) -> str:
        return self.settings.need("admin_url")

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """All rows of one of the store's tables, bytes as they are."""
        found = execute(self.admin, f"SELECT t::text FROM store.{table} t ORDER BY 1")
        return [tuple(row) for row in found]

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """What a recovery must bring back byte for byte."""
        return {table: self.rows(table) for table in TABLES}

    def number(self, what: str) -> int:
        """One number out of the store."""
        return int(execute(self.admin, f"SELECT {what}")[0][0])

    def head(self) -> int:
        """The store's highest position."""
        return self.number("coalesce(max(position), 0) FROM store.event")

    def execute(self, *commands: Targeted) -> list[UUID]:
        """Executes commands as they are wired; the ids of their records."""
        with wiring.Wiring(self.settings) as wired:
            return [wired.commands.execute(command, context()).id for command in commands]

    def life(self, name: str) -> None:
        """A customer under an external id with a contact that can be found, an opportunity that changes, and
        an interaction: 6 events."""
        reference = Reference(source="erp", external_id=name)
        (customer,) = self.execute(
            RegisterCustomer(kind="person", name=f"Person {name}", reference=reference)
        )
        contact, opportunity, _ = self.execute(
            RegisterContact(customer_id=customer, name=f"Contact {name}"),
            OpenOpportunity(pipeline="sales", customer_id=customer, amount=usd(5)),
            RecordInteraction(
                kind="email",
                direction="inbound",
                channel="email",
                customer_id=customer,
                subject=f"About {name}",
                reference=Reference(source="mail", external_id=name),
            ),
        )
        self.execute(
            AddContactPoint(id=contact, kind="email", value=f"{name}@example.org"),
            ChangeAmount(id=opportunity, amount=usd(7)),
        )

    def relay(self) -> subprocess.Popen[bytes]:
        """A relay process."""
        told = {"words": ["relay", "run"], "variables": {**os.environ, "RAPPORT_HOME": str(self.home)}}
        with (self.home / "relay.log").open("ab") as log:
            process = nursery().bear("command", told, log)
        self.started.append(process)
        return process

    def state(self) -> str | None:
        """What the relay says about itself; None while the server is away or nothing was said."""
        with suppress(psycopg2.Error):
            found = execute(self.admin, "SELECT state FROM store.relay")
            return str(found[0][0]) if found else None
        return None

    def until_published(self) -> None:
        """Waits until the relay says that the last event is published."""
        head = self.head()
        self._until(
            lambda: execute(self.admin, "SELECT position FROM store.relay") == [(head,)], f"{head} out"
        )

    def until_state(self, state: str) -> None:
        """Waits until the relay says that."""
        self._until(lambda: self.state() == state, f"the relay is {state}")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            until(condition, what, 60)
        except AssertionError as error:
            raise AssertionError(f"{error}; state {self.state()}; the relay said: {self.said()}") from None

    def said(self) -> str:
        """The end of the relay's log."""
        return (self.home / "relay.log").read_text()[-2000:]

    @contextmanager
    def api(self) -> Iterator[httpx.Client]:
        """The API as it is wired; a client with a key for everything."""
        with (
            wiring.Wiring(self.settings) as wired,
            served(http_api.services(wired, threading.Event())) as address,
        ):
            principal = service_account(wired.commands, f"tester {uuid4()}")
            _, key = wired.api_keys.create(principal, "test", ("crm:read", "crm:write"))
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
                yield client

    def copy(self, to: Path) -> None:
        """A cold copy of the data folder: the server is stopped for it."""
        self.server.stop()
        subprocess.run(["cp", "-a", str(self.server.data), str(to)], check=True)
        self.server.start()

    def restore(self, copy: Path) -> None:
        """Puts the copy in place of the data folder."""
        self.server.stop()
        shutil.rmtree(self.server.data)
        subprocess.run(["cp", "-a", str(copy), str(self.server.data)], check=True)
        self.server.start()

    def fail_over(self, to: Path) -> None:
        """Makes a standby, stops the primary, and promotes the standby at the primary's address."""
        owner = self.server.data.stat()
        url = self.server.url("postgres")
        made = [str(programs() / "pg_basebackup"), "-d", url, "-D", str(to), "-X", "stream", "-c", "fast"]
        subprocess.run(made, check=True, capture_output=True, timeout=120)
        (to / "standby.signal").touch()
        for path in (to, *to.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        self.server.stop()
        shutil.rmtree(self.server.data)
        shutil.move(to, self.server.data)
        self.server.start()
        execute(self.server.url("postgres"), "SELECT pg_promote()")

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """SIGTERM, and waits."""
        process.send_signal(signal.SIGTERM)
        process.wait(30)

    def close(self) -> None:
        """Ends what is left."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        self.server.stop()
        shutil.rmtree(self.server.folder)


def usd(amount: int) -> Money:
    """So many dollars."""
    return Money(amount=Decimal(amount), currency="USD")


def context() -> Context:
    """Somebody who sends a command now."""
    return Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid4)


@contextmanager
def installed(folder: Path, services: Path, bootstrap: str, **settings: str) -> Iterator[Installation]:
    """A migrated installation in `folder`, its server in `services` (a short path), with empty topics.

    `settings` are further variables for the migration, which keeps them.
    """
    delete_topics(bootstrap)
    server = LocalPostgres(services, durable=False, settings={"max_prepared_transactions": "3"})
    server.start()
    installation = Installation(folder, server, bootstrap)
    try:
        shared_passwords(folder)
        given = {"RAPPORT_ADMIN_URL": server.admin_url, "RAPPORT_KAFKA_BOOTSTRAP": bootstrap}
        code, said = run(folder, "migrate", **given, **settings)
        assert code == 0, said
        yield installation
    finally:
        installation.close()
