"""Everything the API is given; `deploy/wiring/wiring.py` builds it, tests build their own."""

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
    """What one request, and one key, may cost.

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
    """What the routes work with.

    `token_key` (32 bytes) seals page tokens. `head` is the newest position in the store. `ready` names, in
    sentences, what keeps this process from serving; empty when nothing does. `lacking` names the versions of
    read models that are active and not in this program. `withheld` names what keeps it from giving private
    values; one that began while `erasures_enforced` was false gives none in any case. `draining` is set when
    the process is about to stop: `/readyz` then says so, while requests under way are still answered.
    `measuring` keeps what `/metrics` shows. With `audit_reads` every read of private values is recorded.
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
