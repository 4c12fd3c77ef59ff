"""Who calls and what they may do: API keys as bearer tokens, one scope per route, rates per key.

`requires(scope)` is the dependency every route declares; a test walks all routes and fails for one without.
Refusals are logged with ids and scopes, never with the key.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from api.http.actors import Actors
from api.http.problems import Problem
from api.services import ApiLimits, Services
from commands.directory.api_keys import SCOPES, ApiKey

REFUSALS: Final = logging.getLogger("rapport.api.refusals")
_CHALLENGE: Final = 'Bearer realm="rapport"'

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    bearerFormat="rk_...",
    description="An API key, made with `rapport keys create`. It is shown once and starts with `rk_`.",
)


class Rates:
    """Counts requests per key, and requests without a valid key per client address, in this process."""

    def __init__(self, limits: ApiLimits) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._rate, self._refused_rate = parse(limits.rate), parse(limits.refused_rate)

    def take(self, key: ApiKey) -> None:
        """Counts one request of a key. Raises `Problem` (`rate-limited`) above its rate."""
        if not self._limiter.hit(self._rate, str(key.id)):
            raise Problem(
                "rate-limited",
                f"This key made more requests than its rate allows ({self._rate}). "
                "Wait a second, then go on more slowly.",
            )

    def may_try(self, address: str) -> None:
        """Raises `Problem` (`rate-limited`) for an address whose requests were refused too often."""
        if not self._limiter.test(self._refused_rate, "refused", address):
            raise Problem(
                "rate-limited",
                f"Too many requests without a valid key came from this address ({self._refused_rate}). "
                "Wait a second and check the key.",
            )

    def refused(self, address: str) -> None:
        """Counts one request without a valid key."""
        self._limiter.hit(self._refused_rate, "refused", address)


def authenticate(
    request: Request,
    needed: SecurityScopes,
    sent: HTTPAuthorizationCredentials | None = Security(_bearer),
) -> ApiKey:
    """The caller's key, when it is valid and has the scopes that the route needs.

    Raises `Problem`: `unauthenticated` (401), `scope-missing` or `principal-deactivated` (403), or
    `rate-limited` (429).
    """
    services: Services = request.app.state.services
    rates: Rates = request.app.state.rates
    address = request.client.host if request.client else "unknown"
    rates.may_try(address)
    key = services.api_keys.find(sent.credentials) if sent is not None else None
    if key is None:
        rates.refused(address)
        raise _unauthenticated(request, missing=sent is None)
    request.state.key = key
    rates.take(key)
    for scope in needed.scopes:
        if scope not in key.scopes:
            _log(request, "scope-missing", f"key={key.id} needs={scope}")
            raise Problem(
                "scope-missing",
                f"This key lacks the scope {scope}, which this route needs. "
                "Use a key that has it, or ask the operators for one.",
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
                scope=scope,
            )
    actors: Actors = request.app.state.actors
    request.state.actor = actors.of(key)
    return key


def requires(scope: str) -> Any:
    """The dependency that each route, or its router, declares: a valid key with `scope`."""
    if scope not in SCOPES:
        raise ValueError(f"there is no scope {scope}")
    return Security(authenticate, scopes=[scope])


def _unauthenticated(request: Request, *, missing: bool) -> Problem:
    _log(request, "unauthenticated", "no key" if missing else "key refused")
    detail = (
        "The request carries no API key. Send `Authorization: Bearer rk_...`; "
        "`rapport keys create` makes a key."
        if missing
        else "The API key is unknown, expired or revoked. Check that it was copied whole, "
        "or have a new one made with `rapport keys create`."
    )
    challenge = _CHALLENGE if missing else f'{_CHALLENGE}, error="invalid_token"'
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": challenge})


def _log(request: Request, code: str, facts: str) -> None:
    route = getattr(request.scope.get("route"), "path_format", "?")
    REFUSALS.warning(
        "%s %s %s %s correlation=%s",
        code,
        request.method,
        route,
        facts,
        request.state.correlation,
    )
