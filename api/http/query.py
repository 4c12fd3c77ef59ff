"""Query parameters: each route declares its own and refuses all others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from fastapi import Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from api.http.problems import Problem

_NAME: Final = re.compile(r"[a-z][a-z_]{0,40}(\[[a-z]{1,10}\])?")
_KNOWN: Final[dict[Callable[..., Any], tuple[str, ...]]] = {}
"""By endpoint, since the framework's routes cannot be keys."""


def declared(route: APIRoute) -> tuple[str, ...]:
    """Returns the names of a route's query parameters, as the OpenAPI document lists them: those that its
    functions declare, and those that the route adds, as lists add their filters."""
    known = _KNOWN.get(route.endpoint)
    if known is None:
        taken = [
            field.alias
            for field in get_flat_params(route.dependant)
            if isinstance(info := field.field_info, params.Query) and info.include_in_schema
        ]
        said = (route.openapi_extra or {}).get("parameters", ())
        known = _KNOWN[route.endpoint] = (
            *taken,
            *(parameter["name"] for parameter in said if parameter["in"] == "query"),
        )
    return known


def declared_only(request: Request) -> None:
    """A dependency of every route. Raises `Problem` (`unknown-parameter`) for a query parameter that the
    route does not declare, or that comes twice: the framework ignores the first and takes one of the two."""
    if not request.url.query:
        return
    known = declared(request.scope["route"])
    sent = [name for name, _ in request.query_params.multi_items()]
    unknown = set(sent) - set(known)
    if unknown:
        # A text that does not look like a name may be a value, and personal.
        named = sorted(name if _NAME.fullmatch(name) else "one that is not a name" for name in unknown)
        raise Problem(
            "unknown-parameter",
            f"This address does not know the parameter(s) {', '.join(named)}. "
            f"Allowed: {', '.join(known) or 'none'}.",
            allowed=list(known),
        )
    twice = sorted({name for name in sent if sent.count(name) > 1})
    if twice:
        raise Problem(
            "unknown-parameter",
            f"{', '.join(twice)} came more than once. Send it once; several values go into one, with commas.",
        )
