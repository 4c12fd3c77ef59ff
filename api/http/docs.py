"""The interactive OpenAPI page at `/docs`, with its scripts from this machine: it works without a network."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_ASSETS: Final = "/docs/assets"
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
"""The page needs an inline script; all else comes from this server."""


def add_docs(app: FastAPI) -> None:
    """Adds the page and its assets, which come with the package `fastapi-offline`."""

    @app.get("/docs", include_in_schema=False)
    def page() -> HTMLResponse:
        found = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=f"{app.title}: HTTP API",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{_ASSETS}/favicon.png",
            swagger_ui_parameters={
                "persistAuthorization": True,
                "displayRequestDuration": True,
                "validatorUrl": None,  # the default loads it from the internet
            },
        )
        found.headers["Content-Security-Policy"] = _POLICY
        return found

    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]), name="docs-assets")
