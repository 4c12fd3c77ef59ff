"""Holds private values back that could be of somebody who was erased, and records who reads them.

One place for all routes: whatever a route gave, its answer's first byte waits here. After a restore, nothing
personal goes out until the erasures were applied again, and nothing that was read before; and where reads are
recorded, nothing until this one is. Else a refusal goes out in its place.
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
"""Outside of it nothing personal is given."""


class PrivacyGuard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._services = app, services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PERSONAL):
            await self._app(scope, receive, send)
            return
        if not self._services.erasures_enforced():
            # What is read now could be read with keys that a restore brought back: they go first.
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
        """What to answer in place of private values, if anything. Not `enforced`: they were read with keys
        that may have been destroyed since."""
        reasons = list(self._services.withheld())
        if not enforced and not reasons:
            reasons.append("It was read before all erasures were applied again. Repeat the request.")
        if reasons:
            return Problem("unavailable", f"The answer holds personal data. {' '.join(reasons)}")
        return self._record(scope, shown) if self._services.audit_reads else None

    def _record(self, scope: Scope, shown: Mapping[UUID, Collection[UUID]]) -> Problem | None:
        """Records the reads; else what to answer instead."""
        purpose = Headers(scope=scope).get("purpose")
        if purpose is None:
            return Problem(
                "purpose-required",
                "The answer holds personal data, and this installation records who reads it and what for. "
                "Send the header Purpose with a code for what you need it for, such as support.call.",
            )
        if not PURPOSE.fullmatch(purpose):
            return Problem(
                "malformed",
                "The header Purpose is no code. Send 1 to 64 characters out of a-z 0-9 . _ -, such as "
                "support.call; it is kept as it is, so it must not name a person.",
            )
        route = getattr(scope.get("route"), "path_format", "?")
        try:
            context = context_of(Request(scope))
            record_reads(self._services.crm, context, shown, purpose=purpose, route=route)
        except Exception as error:  # whatever it is: what is not recorded is not given
            LOG.error(
                "a read of private values could not be recorded: %s in request %s",
                type(error).__qualname__,
                correlation_of(scope),
            )
            return Problem(
                "unavailable",
                "The answer holds personal data, and that it is read could not be recorded, so it is not "
                "given. Repeat the request in a few seconds.",
            )
        return None
