"""The composition root: every object is built here, from the settings alone, at its first use."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import psycopg2
from prometheus_client import CollectorRegistry

from commands.directory.api_keys import ApiKeys
from commands.privacy.cipher import AesGcmCipher
from commands.privacy.keys import PostgresKeyStore
from commands.privacy.tombstones import Tombstones
from commands.store.claims import ClaimTable
from commands.store.event_reader import EventReader
from commands.store.idempotency import Idempotency
from commands.store.identifiers import Identifiers
from commands.store.incarnation import Incarnation
from commands.store.pool import Pool
from commands.store.schema import (
    KEYS,
    STORE,
    Component,
    check_version,
)
from commands.store.seals import Seals
from consumers.kafka.address import KafkaAddress
from deploy import key_encryption_keys as keks
from deploy.configuration.files import load_pipelines, load_reasons
from deploy.secrets import Secrets
from deploy.settings import Settings
from domain.configuration.pipelines import Pipelines
from domain.configuration.reasons import Reasons
from domain.events.catalogue import CATALOGUE
from projections.release.schema import check_step

if TYPE_CHECKING:
    from api.http.request_metrics import RequestMetrics
    from commands.bulk.recorder import BulkRecorder
    from commands.dispatch.context import Context
    from commands.dispatch.dispatcher import Commands
    from commands.privacy.enforcement import ErasureEnforcement
    from commands.privacy.erasure import Erasures
    from commands.store.application import Crm


class Wiring:
    """The objects of one process, as a context manager that closes what was opened.

    Needs no service when it is built: it opens connections at their first use.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.exit_stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.exit_stack.close()

    def _pool(self, url: str) -> Pool:
        pool = Pool(url, self.settings.pool_size)
        self.exit_stack.callback(pool.close)
        return pool

    def refuse_other_schema(self, url_setting: str, component: Component = STORE) -> None:
        """Raises `SchemaProblem`. Does not raise for a database that is away: processes wait for it."""
        with suppress(psycopg2.OperationalError):
            check_version(self.settings.need(url_setting), component)

    def refuse_other_read_side(self, url_setting: str) -> None:
        """Raises `ReadSideProblem`; as above."""
        with suppress(psycopg2.OperationalError):
            check_step(self.settings.need(url_setting))

    # Commands and the event store

    @cached_property
    def secrets(self) -> Secrets:
        """The key files."""
        return Secrets(self.settings.secrets)

    @cached_property
    def pipelines(self) -> Pipelines:
        """The configured pipelines. Raises `SettingsProblem` for a file that is missing or wrong."""
        return load_pipelines(self.settings)

    @cached_property
    def reasons(self) -> Reasons:
        """The configured reasons. Raises `SettingsProblem` for a file that is missing or wrong."""
        return load_reasons(self.settings)

    @cached_property
    def store_pool(self) -> Pool:
        """Connections of commands to the event store. Raises `SchemaProblem` for one of another version."""
        self.refuse_other_schema("store_url")
        return self._pool(self.settings.need("store_url"))

    @cached_property
    def cipher(self) -> AesGcmCipher:
        """Closes and opens private fields."""
        return AesGcmCipher(self.keys)

    @cached_property
    def keys(self) -> PostgresKeyStore:
        """The keys of persons and of free texts. Raises `SchemaProblem` for keys of another version."""
        self.refuse_other_schema("keys_url", KEYS)
        keys = PostgresKeyStore(self.settings.need("keys_url"), keks.ring(self.settings, self.secrets))
        self.exit_stack.callback(keys.close)
        return keys

    @cached_property
    def crm(self) -> Crm:
        """The event-sourced application over the store."""
        from commands.store.application import Crm
        from commands.store.mapper import EventMapper
        from deploy.metrics.store import Appends, MeasuredRecorder

        return Crm(
            recorder=MeasuredRecorder(self.store_pool, Appends(self.registry)),
            mapper=EventMapper(CATALOGUE, self.cipher),
            incarnation=self.incarnation,
        )

    @cached_property
    def erasing(self) -> Erasures:
        """What erases persons, and finishes erasures that were interrupted."""
        from deploy.wiring.persons import erasing

        return erasing(self)

    @cached_property
    def tombstones(self) -> Tombstones:
        """What destroys keys of persons, and knows which are."""
        self.refuse_other_schema("keys_url", KEYS)
        return Tombstones(self._pool(self.settings.need("keys_url")))

    @cached_property
    def applied(self) -> ErasureEnforcement:
        """What keeps erased persons erased."""
        from commands.privacy.enforcement import ErasureEnforcement
        from commands.privacy.retention import reapply
        from deploy.wiring.persons import acting, showing

        return ErasureEnforcement(
            lambda: self.erasing,
            lambda: acting(None),
            lambda: reapply(self.crm, self.keys),
            lambda persons: showing(self.read_pool, persons),
        )

    @cached_property
    def incarnation(self) -> Incarnation:
        """Whether the store is the same as before, and not behind its topics."""
        return Incarnation(self.store_pool)

    @cached_property
    def identifiers(self) -> Identifiers:
        """Derives ids and digests from other systems' identifiers."""
        return Identifiers(self.secrets.read("id-key"))

    @cached_property
    def commands(self) -> Commands:
        """The command handlers."""
        from commands.dispatch.dispatcher import Commands

        idempotency = Idempotency(self.store_pool, self.secrets.read("idempotency-key"))
        return Commands(self.crm, idempotency, self.pipelines, self.identifiers, reasons=self.reasons)

    def bulk(self, context: Context) -> BulkRecorder:
        """The same handlers for many new records at once; one recorder for a run."""
        from commands.bulk.recorder import BulkRecorder

        return BulkRecorder(self.commands, self.claims, context)

    @cached_property
    def claims(self) -> ClaimTable:
        """External ids and the records they belong to."""
        return ClaimTable(self.store_pool)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """The API's keys."""
        return ApiKeys(self.store_pool)

    def follower(self, url_setting: str = "store_url") -> EventReader:
        """A reader of the store in order, as the role of that setting."""
        follower = EventReader(self.settings.need(url_setting))
        self.exit_stack.callback(follower.close)
        return follower

    def seals(self, url_setting: str = "relay_url") -> Seals:
        """The seal rows, as the role of that setting."""
        seals = Seals(self.settings.need(url_setting))
        self.exit_stack.callback(seals.close)
        return seals

    # The read side

    @cached_property
    def read_pool(self) -> Pool:
        """Connections of queries to the read side. Raises `ReadSideProblem` for one of another version."""
        self.refuse_other_read_side("read_url")
        return self._pool(self.settings.need("read_url"))

    # Kafka

    @cached_property
    def kafka(self) -> KafkaAddress:
        """Kafka's address and how to speak to it."""
        return kafka_address(self.settings)

    # Metrics

    @cached_property
    def registry(self) -> CollectorRegistry:
        """What this process counts; `measuring` adds to it what the API alone shows."""
        return CollectorRegistry()

    @cached_property
    def measuring(self) -> RequestMetrics:
        """What the API shows at `/metrics`: itself, the read models and the relay."""
        from deploy.wiring.measures import request_metrics

        return request_metrics(self)


def kafka_address(settings: Settings) -> KafkaAddress:
    """Kafka's address and how to speak to it. Raises `SettingsProblem` where it is unset."""
    return KafkaAddress(
        bootstrap=settings.need("kafka_bootstrap"),
        security=settings.kafka_security,
        ca_file=str(settings.kafka_ca_file) if settings.kafka_ca_file else None,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=settings.kafka_password,
    )
