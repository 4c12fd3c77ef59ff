"""Bounds on one request: size of headers, query and body, and the body's media type.

`auth.py` counts rates, once it knows the caller.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.context import correlation_of
from api.http.problems import Problem
from api.services import ApiLimits

_CLOSE: Final = {"Connection": "close"}
_LINES: Final = "(or application/x-ndjson, an item a line) "


class Guard:
    """ASGI middleware. Refuses with 413, 414, 415 or 431 before anything is parsed.

    A body is counted while it arrives, since a chunked one announces no length. This replaces the
    framework's own limit, which refuses too long a body in plain text.
    """

    def __init__(self, app: ASGIApp, limits: ApiLimits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._too_much(scope)
        if refusal is not None:
            await refusal.response(str(correlation_of(scope)))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limits.body:
                raise self._body_too_large()
            return message

        await self._app(scope, counted, send)

    def _too_much(self, scope: Scope) -> Problem | None:
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > self._limits.headers:
            return Problem(
                "headers-too-large",
                f"The request's headers take {size:,} bytes; at most {self._limits.headers:,} are allowed. "
                "Send fewer or shorter headers.",
                headers=_CLOSE,
            )
        if len(scope["query_string"]) > self._limits.query:
            return Problem(
                "query-too-long",
                f"The query takes {len(scope['query_string']):,} bytes; at most {self._limits.query:,} are "
                "allowed. Name fewer values at once.",
                headers=_CLOSE,
            )
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limits.body:
            return self._body_too_large()
        if announced not in ("", "0") or "transfer-encoding" in headers:
            media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
            batch = scope["path"].endswith((":batch", ":batchUpsert"))
            if media_type != "application/json" and not (batch and media_type == "application/x-ndjson"):
                return Problem(
                    "media-type",
                    "The body is not marked as JSON. Send Content-Type: application/json "
                    f"{_LINES if batch else ''}with it.",
                    headers=_CLOSE,
                )
        return None

    def _body_too_large(self) -> Problem:
        return Problem(
            "body-too-large",
            f"The body is larger than {self._limits.body:,} bytes, the most one request may carry. "
            "Nothing was changed. Send less at once, and keep long texts as attachments.",
            headers=_CLOSE,
        )
