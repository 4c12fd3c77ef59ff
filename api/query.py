"""Query parameters: each address says which it knows, and refuses all others."""

from __future__ import annotations

from fastapi import FastAPI, Request

from api.problems import Problem


class DeclaredParameters:
    """The query parameters of each route, as the OpenAPI document lists them: what is not documented is
    refused, and what is allowed is documented."""

    def __init__(self, app: FastAPI) -> None:
        self._by_route: dict[tuple[str, str], tuple[str, ...]] = {
            (path, method.upper()): tuple(
                parameter["name"]
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "query"
            )
            for path, operations in app.openapi()["paths"].items()
            for method, operation in operations.items()
        }

    def of(self, path: str, method: str) -> tuple[str, ...]:
        """The names that the route at this path template takes."""
        return self._by_route[path, method]


def declared_only(request: Request) -> None:
    """A dependency of every route. Raises `Problem` (`unknown-parameter`) for a query parameter that the
    route does not declare, or that comes twice: the first would be ignored, of the second one would win."""
    if not request.url.query:
        return
    parameters: DeclaredParameters = request.app.state.parameters
    declared = parameters.of(request.scope["route"].path_format, request.method)
    sent = [name for name, _ in request.query_params.multi_items()]
    unknown = set(sent) - set(declared)
    if unknown:
        raise Problem(
            "unknown-parameter",
            f"The query has {len(unknown)} parameter(s) that this address does not know. "
            f"Allowed: {', '.join(declared) or 'none'}.",
            allowed=list(declared),
        )
    twice = sorted({name for name in sent if sent.count(name) > 1})
    if twice:
        raise Problem(
            "unknown-parameter",
            f"{', '.join(twice)} came more than once. Send it once; several values go into one, with commas.",
        )
