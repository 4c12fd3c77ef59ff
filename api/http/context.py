"""The outermost layer: ids of a request, the access log, and the response to unexpected errors.

Logs hold ids, route templates, statuses and times. Paths as sent, queries, headers, bodies and addresses can
hold personal data and are never written; nor are the texts of unexpected errors, which quote values.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from typing import Final
from uuid import UUID

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import Problem
from api.http.request_metrics import RequestMetrics

ACCESS: Final = logging.getLogger("rapport.api.access")
ERRORS: Final = logging.getLogger("rapport.api.errors")
CORRELATION: Final = "Correlation-Id"


def correlation_of(scope: Scope) -> UUID:
    """Returns the request's correlation id: the caller's if it sent a UUID, else a new one."""
    found = scope["state"]["correlation"]
    assert isinstance(found, UUID)
    return found


class RequestContext:
    """ASGI middleware; puts `correlation` into the request's state and into the response's header."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], UUID], measuring: RequestMetrics) -> None:
        self._app, self._new_id, self._measuring = app, new_id, measuring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation = _uuid(Headers(scope=scope).get(CORRELATION)) or self._new_id()
        scope.setdefault("state", {})["correlation"] = correlation
        started = time.perf_counter()
        status: int | None = None

        async def send_with_ids(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[CORRELATION] = str(correlation)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, send_with_ids)
        except Exception as error:
            _report(error, correlation)
            if status is not None:
                raise
            problem = Problem(
                "internal",
                "The request failed because of an error inside Rapport. Repeat it; if it fails "
                "again, tell the operators the correlation id.",
            )
            await problem.response(str(correlation))(scope, receive, send_with_ids)
        finally:
            seconds = time.perf_counter() - started
            _access(scope, status, seconds)
            self._measuring.request(scope["method"], _route(scope), status, seconds)


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None


def _report(error: Exception, correlation: UUID) -> None:
    """Logs the place and the class of an error, without its text."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    ERRORS.error("%s in request %s\n%s", type(error).__qualname__, correlation, frames)


def _route(scope: Scope) -> str | None:
    """Returns the template of the request's route."""
    return getattr(scope.get("route"), "path_format", None)


def _access(scope: Scope, status: int | None, seconds: float) -> None:
    state = scope["state"]
    key = state.get("key")
    ACCESS.info(
        "%s %s %s %.1f ms key=%s principal=%s correlation=%s",
        scope["method"],
        _route(scope) or "(no route)",
        status or "aborted",
        seconds * 1000,
        key.id if key else "-",
        key.principal if key else "-",
        state["correlation"],
    )
