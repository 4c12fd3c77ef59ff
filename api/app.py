"""Puts the API together: routes, bounds, error answers, documentation."""

from __future__ import annotations

import logging
from typing import Any, Final

import psycopg2
from eventsourcing.persistence import PersistenceError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.activities import interaction_commands as interactions
from api.audit import histories as audit
from api.configuration import reasons
from api.customers import (
    consents,
    customer_views,
)
from api.customers import (
    contact_commands as contacts,
)
from api.customers import (
    contact_lookup as lookups,
)
from api.customers import (
    customer_commands as customers,
)
from api.customers import (
    customer_upserts as customer_records,
)
from api.directory import principal_commands as principals
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
from api.privacy import persons as privacy
from api.reads import record_routes as records
from api.reads.consistency import Visibility
from api.reads.privacy_guard import PrivacyGuard
from api.sales import (
    lead_commands as leads,
)
from api.sales import (
    opportunities,
    pipeline_reports,
    pipelines,
)
from api.sales import (
    opportunity_commands as opportunity_moves,
)
from api.sales import (
    product_commands as products,
)
from api.service import case_commands as case_moves
from api.service import cases
from api.service import reports as service
from api.services import Services
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
        "This address does not answer that method. The Allow header names those it answers; "
        "/docs shows what each does.",
    ),
    413: ("body-too-large", "The body is too large. Send less at once."),
}
"""What the framework refuses by itself: status to code and sentence."""


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
    for module in (
        opportunities,
        opportunity_moves,
        pipelines,
        pipeline_reports,
        customers,
        customer_records,
        customer_views,
        records,
        contacts,
        consents,
        lookups,
        leads,
        cases,
        case_moves,
        service,
        interactions,
        principals,
        privacy,
        products,
        projections,
        reasons,
        metrics,
        health,
        audit,
    ):
        app.include_router(module.router)
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
        "The database does not answer at the moment. A change that was sent may or may not have been made: "
        "repeat the request, with the same Idempotency-Key, in a few seconds.",
    )
    return problem.response(str(correlation_of(request.scope)))


async def _keys_closed(request: Request, error: Any) -> Response:
    LOG.error("keys can't be used: %s: %s", type(error).__name__, error)
    problem = Problem(
        "unavailable",
        "The keys of personal data can't be used at the moment, because their own key is not to be had. "
        "Repeat the request, with the same Idempotency-Key, in a few seconds; if that does not help, tell "
        "the operators.",
    )
    return problem.response(str(correlation_of(request.scope)))


_DESCRIPTION: Final = """
Commands record events, reads ask read models that follow them. A command's answer carries a
`consistency_token`; a read that sends it as `Consistency-Token` waits until it sees that change.

Changes to one record need `If-Match` with the `ETag` last read. Every command accepts an `Idempotency-Key`:
repeated with the same key, the same request is answered as before and changes nothing.

Errors are problems (RFC 9457); their `type` is permanent.
"""
