"""PostgreSQL and Apache Kafka for measuring: durable as in use, in a folder that is removed afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import psutil
import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg2 import sql

from commands.store import roles
from commands.store.migrate import migrate
from commands.store.roles import OWNER, ROLES, role_url
from consumers.kafka.address import KafkaAddress
from consumers.kafka.topics import ensure_topics
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from domain.events.catalogue import CATALOGUE
from projections.release.schema import install

PARTITIONS: Final = 6
READY_SECONDS: Final = 60.0
"""For the topics of a broker that has just started on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """One database as each role sees it."""

    admin: str
    app: str
    relay: str
    worker: str


class Services:
    """What the measurements run on. `kafka` starts at its first use."""

    def __init__(self, folder: Path, jars: Path, say: Callable[[str], None], closing: ExitStack) -> None:
        self._folder, self._jars, self._say, self._closing = folder, jars, say, closing
        self._passwords = {role: secrets.token_urlsafe(16) for role in ROLES}
        self._numbers = count(1)
        self._kafka: KafkaAddress | None = None
        self._published: Databases | None = None
        self.seal_key = Ed25519PrivateKey.generate()
        self._postgres = LocalPostgres(folder / "postgres")
        self._postgres.start()
        closing.callback(self._postgres.stop)

    def another(self, name: str) -> Services:
        """Services of their own, for a benchmark that leaves too much behind for the others."""
        folder = self._folder / name
        folder.mkdir(mode=0o700)
        return Services(folder, self._jars, self._say, self._closing)

    @property
    def kafka(self) -> KafkaAddress:
        """A broker with the topics."""
        if self._kafka is None:
            self._say("Apache Kafka starts")
            broker = LocalKafka(self._folder / "kafka", self._jars, say=self._say)
            broker.start()
            self._closing.callback(broker.stop)
            self._kafka = KafkaAddress(bootstrap=broker.bootstrap)
            ensure_topics(self._kafka, CATALOGUE.families, PARTITIONS, timeout=READY_SECONDS)
        return self._kafka

    @property
    def published(self) -> Databases:
        """The one store whose events go to `kafka`. Topics belong to one store, so every benchmark that
        publishes appends here, and publishes all that it appends."""
        if self._published is None:
            self._published = self.store()
        return self._published

    def empty(self) -> str:
        """The superuser's URL of a new, empty database."""
        name = f"bench_{next(self._numbers)}"
        connection = psycopg2.connect(self._postgres.url("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        finally:
            connection.close()
        return self._postgres.url(name)

    def store(self) -> Databases:
        """A new database with the event store and the read side."""
        url = self.empty()
        migrate(url, passwords=self._passwords, partitions=PARTITIONS, read_side=self._install)
        return self._roles(url)

    def read_side(self) -> Databases:
        """A new database with the read side alone."""
        url = self.empty()
        connection = psycopg2.connect(url)
        try:
            with connection:
                roles.admit(connection)
        finally:
            connection.close()
        self._install(role_url(url, OWNER, self._passwords[OWNER]))
        return self._roles(url)

    def _install(self, url: str) -> None:
        install(url, partitions=PARTITIONS)

    def _roles(self, url: str) -> Databases:
        def of(role: str) -> str:
            return role_url(url, role, self._passwords[role])

        return Databases(
            admin=url, app=of("rapport_app"), relay=of("rapport_relay"), worker=of("rapport_worker")
        )


@contextmanager
def services(home: Path, jars: Path, say: Callable[[str], None]) -> Iterator[Services]:
    """Services in `<home>/bench-<pid>`, stopped and removed at the end. Raises `LocalServiceError`."""
    for left in home.glob("bench-*"):  # of runs that were killed
        pid = left.name.removeprefix("bench-")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    folder = home / f"bench-{os.getpid()}"
    folder.mkdir(mode=0o700, parents=True)
    try:
        with ExitStack() as closing:
            yield Services(folder, jars, say, closing)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
