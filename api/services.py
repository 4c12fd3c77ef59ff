"""The services that the API uses; `deploy/wiring/wiring.py` builds them, tests build their own."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.http.request_metrics import RequestMetrics
from commands.directory.api_keys import ApiKeys
from commands.dispatch.dispatcher import Commands
from commands.privacy.erasure import Erasures
from commands.store.application import Crm
from commands.store.claims import ClaimTable
from commands.store.pool import Pool
from domain.configuration.pipelines import Pipelines


def _now() -> datetime:
    return datetime.now(UTC)


def _always() -> bool:
    return True


def _nothing_missing() -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLimits:
    """Limits of one request and one key.

    Sizes are bytes; `rate` and `refused_rate` are in the notation of the `limits` library, counted by this
    process: `rate` per API key, `refused_rate` per client address for requests without a valid key.
    """

    body: int = 1024 * 1024
    headers: int = 16 * 1024
    query: int = 8 * 1024
    rate: str = "1000/second"
    refused_rate: str = "50/second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of the routes.

    `token_key` (32 bytes) seals page tokens. `head` is the newest position in the store. `ready` returns, in
    sentences, what keeps this process from serving; empty if nothing does. `lacking` returns the active
    versions of read models that this program lacks. `withheld` returns what keeps it from returning private
    values; a request that began while `erasures_enforced` was false never returns any. `draining` is set when
    the process is about to stop: `/readyz` then says so, while running requests end normally. `measuring`
    keeps the metrics of `/metrics`. With `audit_reads` every read of private values is recorded.
    """

    commands: Commands
    crm: Crm
    claims: ClaimTable
    read_pool: Pool
    erasing: Erasures
    api_keys: ApiKeys
    pipelines: Pipelines
    token_key: bytes
    head: Callable[[], int]
    ready: Callable[[], Sequence[str]] = _nothing_missing
    lacking: Callable[[], Sequence[str]] = _nothing_missing
    withheld: Callable[[], Sequence[str]] = _nothing_missing
    erasures_enforced: Callable[[], bool] = _always
    limits: ApiLimits = field(default_factory=ApiLimits)
    clock: Callable[[], datetime] = _now
    new_id: Callable[[], UUID] = uuid.uuid4
    draining: threading.Event = field(default_factory=threading.Event)
    measuring: RequestMetrics = field(default_factory=RequestMetrics)
    seal_public: Callable[[], Ed25519PublicKey] | None = None
    audit_reads: bool = False
