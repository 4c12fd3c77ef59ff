"""Withholds private values that could be of an erased person, and records who reads them.

It holds every route's response until its checks are done. After a restore nothing personal goes out until the
erasures are applied again, and nothing that was read before; where reads are recorded, nothing until this one
is. Otherwise it sends a refusal instead.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.context import correlation_of
from api.http.problems import Problem
from api.reads.private import shown_in
from api.services import Services
from api.writes.execution import context_of
from commands.privacy.reads import record_reads
from domain.privacy.private_read import PURPOSE

LOG: Final = logging.getLogger("rapport.api.errors")
_REFUSED: Final = 400
_PERSONAL: Final = "/v1/"
"""Returns no personal values outside of it."""


class PrivacyGuard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._services = app, services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PERSONAL):
            await self._app(scope, receive, send)
            return
        if not self._services.erasures_enforced():
            # A read now could use keys that a restore brought back: destroy them first.
            await run_in_threadpool(self._services.withheld)
        enforced, withheld = self._services.erasures_enforced(), False

        async def watched(message: Message) -> None:
            nonlocal withheld
            if message["type"] == "http.response.start" and message["status"] < _REFUSED:
                shown = shown_in(scope)
                problem = await run_in_threadpool(self._refused, scope, shown, enforced) if shown else None
                if problem is not None:
                    withheld = True
                    await problem.response(str(correlation_of(scope)))(scope, receive, send)
            if not withheld:
                await send(message)

        await self._app(scope, receive, watched)

    def _refused(
        self, scope: Scope, shown: Mapping[UUID, Collection[UUID]], enforced: bool
    ) -> Problem | None:
        """Returns the response to send instead of private values, if any. Without `enforced` they were read
        with keys that may be destroyed now."""
        reasons = list(self._services.withheld())
        if not enforced and not reasons:
            reasons.append("It was read before all erasures were applied again. Repeat the request.")
        if reasons:
            return Problem("unavailable", f"The response holds personal data. {' '.join(reasons)}")
        return self._record(scope, shown) if self._services.audit_reads else None

    def _record(self, scope: Scope, shown: Mapping[UUID, Collection[UUID]]) -> Problem | None:
        """Records the reads; returns the response to send instead if it cannot."""
        purpose = Headers(scope=scope).get("purpose")
        if purpose is None:
            return Problem(
                "purpose-required",
                "The response holds personal data, and this installation records who reads it and what for. "
                "Send the header Purpose with a code for the purpose, such as support.call.",
            )
        if not PURPOSE.fullmatch(purpose):
            return Problem(
                "malformed",
                "The header Purpose is not a code. Send 1 to 64 characters out of a-z 0-9 . _ -, such as "
                "support.call; it is kept as it is, so it must not name a person.",
            )
        route = getattr(scope.get("route"), "path_format", "?")
        try:
            context = context_of(Request(scope))
            record_reads(self._services.crm, context, shown, purpose=purpose, route=route)
        except Exception as error:  # any error at all: a read that is not recorded returns nothing
            LOG.error(
                "a read of private values could not be recorded: %s in request %s",
                type(error).__qualname__,
                correlation_of(scope),
            )
            return Problem(
                "unavailable",
                "The response holds personal data, and the read could not be recorded, so the data is not "
                "returned. Repeat the request in a few seconds.",
            )
        return None
