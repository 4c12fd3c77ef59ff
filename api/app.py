"""Puts the API together: routes, bounds, error responses, documentation."""

from __future__ import annotations

import logging
from typing import Any, Final

import psycopg2
from eventsourcing.persistence import PersistenceError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.activities import interaction_commands
from api.audit import histories
from api.configuration import reasons
from api.customers import consents, contact_lookup, customer_upserts, customer_views
from api.http import openapi
from api.http.actors import Actors
from api.http.auth import Rates
from api.http.context import RequestContext, correlation_of
from api.http.docs import add_docs
from api.http.guard import Guard
from api.http.page_tokens import PageTokens
from api.http.problems import Problem, domain_response
from api.http.validation import validation_problem
from api.operations import health, metrics, projections
from api.privacy import persons
from api.reads.consistency import Visibility
from api.reads.privacy_guard import PrivacyGuard
from api.reads.record_routes import record_router
from api.sales import opportunities, pipeline_reports, pipelines
from api.service import cases, reports
from api.services import Services
from api.writes.record_routes import command_routers
from commands.privacy.kek import KekProblem
from commands.store.pool import PoolBusy
from domain.kernel.errors import DomainError

LOG: Final = logging.getLogger("rapport.api.errors")

_FRAMEWORK: Final = {
    400: ("malformed", "The body could not be read. Send valid JSON in UTF-8."),
    404: (
        "no-such-address",
        "There is nothing at this address. Check the path: ids are UUIDs, verbs stand after a colon; "
        "/docs lists all addresses.",
    ),
    405: (
        "method-not-allowed",
        "This address does not support that method. The Allow header names those it supports; "
        "/docs shows what each does.",
    ),
    413: ("body-too-large", "The body is too large. Send less at once."),
}
"""Refusals by the framework itself: status to code and sentence."""


def create_app(services: Services) -> FastAPI:
    """The application, ready for an ASGI server. Everything it uses is in `services`."""
    app = FastAPI(
        title="Rapport",
        version="1",
        summary="An event-sourced CRM backend",
        description=_DESCRIPTION,
        docs_url=None,  # `docs.py` serves the page without a CDN
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        # Its log records hold the texts of errors and rejected input, which can be personal; and exporters
        # must not be switched on by a variable that only this library reads.
        telemetry={"auto_configure": False, "logs": False, "tracing": False, "metrics": False},
    )
    app.state.services = services
    app.state.actors = Actors(services)
    app.state.rates = Rates(services.limits)
    app.state.tokens = PageTokens(services.token_key)
    app.state.visibility = Visibility(services)
    for router in (
        *command_routers(),
        record_router(),
        opportunities.router,
        pipelines.router,
        pipeline_reports.router,
        customer_upserts.router,
        customer_views.router,
        consents.router,
        contact_lookup.router,
        cases.router,
        reports.router,
        interaction_commands.router,
        persons.router,
        projections.router,
        reasons.router,
        metrics.router,
        health.router,
        histories.router,
    ):
        app.include_router(router)
    add_docs(app)
    openapi.install(app)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(psycopg2.OperationalError, _database_away)
    app.add_exception_handler(psycopg2.InterfaceError, _database_away)
    app.add_exception_handler(PoolBusy, _database_away)
    app.add_exception_handler(PersistenceError, _database_away)
    app.add_exception_handler(KekProblem, _keys_closed)
    app.add_middleware(PrivacyGuard, services=services)
    app.add_middleware(Guard, limits=services.limits)
    app.add_middleware(
        RequestContext, new_id=services.new_id, measuring=services.measuring
    )  # added last: outermost
    return app


async def _problem(request: Request, error: Any) -> Response:
    return error.response(str(correlation_of(request.scope)))  # type: ignore[no-any-return]


async def _domain(request: Request, error: Any) -> Response:
    return domain_response(error, str(correlation_of(request.scope)))


async def _invalid(request: Request, error: Any) -> Response:
    return validation_problem(error).response(str(correlation_of(request.scope)))


async def _framework(request: Request, error: Any) -> Response:
    code, sentence = _FRAMEWORK.get(error.status_code, _FRAMEWORK[400])
    problem = Problem(code, sentence, headers=error.headers)
    return problem.response(str(correlation_of(request.scope)))


async def _database_away(request: Request, error: Any) -> Response:
    LOG.error("database away: %s sqlstate=%s", type(error).__name__, getattr(error, "pgcode", None))
    problem = Problem(
        "unavailable",
        "The database does not answer at the moment. The change may or may not have been recorded: "
        "repeat the request, with the same Idempotency-Key, in a few seconds.",
    )
    return problem.response(str(correlation_of(request.scope)))


async def _keys_closed(request: Request, error: Any) -> Response:
    LOG.error("keys can't be used: %s: %s", type(error).__name__, error)
    problem = Problem(
        "unavailable",
        "The keys of personal data can't be used at the moment, because the key that wraps them is not "
        "available. "
        "Repeat the request, with the same Idempotency-Key, in a few seconds; if that does not help, tell "
        "the operators.",
    )
    return problem.response(str(correlation_of(request.scope)))


_DESCRIPTION: Final = """
Commands record events, reads ask read models that follow them. A command's response has a
`consistency_token`; a read that sends it as `Consistency-Token` waits until it sees that change.

Changes to one record need `If-Match` with the `ETag` last read. Every command accepts an `Idempotency-Key`:
the same request with the same key gets the first response again and changes nothing.

Errors are problems (RFC 9457); their `type` is permanent.
"""
