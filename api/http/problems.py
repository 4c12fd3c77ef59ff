"""Errors as RFC 9457 problems: one table, permanent types, sentences that say fact, cause and next act.

`type` is `urn:rapport:problem:<code>`; codes are never renamed. `detail` quotes ids, names of fields and
times, never other values that a caller sent and never a stack trace, so that nothing personal is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from commands.privacy import certificates as certifying
from commands.privacy import cipher, holds, person
from commands.store.incarnation import RecoveryNeeded
from domain.kernel import errors

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:rapport:problem:{code}"


@dataclass(frozen=True, slots=True)
class Kind:
    """The problem for a class of errors.

    `members` are attributes of the error that become extension members; `retry_after` is in seconds.
    """

    status: int
    title: str
    members: tuple[str, ...] = ()
    retry_after: int | None = None


DOMAIN: Final[Mapping[type[errors.DomainError], Kind]] = {
    errors.DomainError: Kind(409, "Refused"),
    errors.NotFound: Kind(404, "Not found"),
    errors.Invalid: Kind(422, "Not valid"),
    errors.MoveRefused: Kind(409, "Move refused", ("state", "move", "allowed")),
    errors.Erased: Kind(409, "Personal data erased"),
    errors.TimeRefused: Kind(422, "Time refused", ("named", "bound")),
    errors.ConcurrentChange: Kind(412, "Changed in between", ("expected", "found")),
    errors.ChangedAgain: Kind(
        409, "Changed again and again", ("expected", "found", "attempts"), retry_after=2
    ),
    errors.AlreadyClaimed: Kind(409, "External id taken", ("id",)),
    errors.ChangedSinceImport: Kind(409, "Changed since import", ("id",)),
    errors.AlreadyRecorded: Kind(409, "Recorded before", ("id",)),
    errors.KeyReused: Kind(422, "Idempotency-Key reused"),
    errors.RequestInProgress: Kind(409, "Request in progress", retry_after=2),
    errors.EventTooLarge: Kind(413, "Change too large", ("size", "limit")),
    errors.UnknownEventType: Kind(500, "Unknown event type"),
    errors.Undecodable: Kind(500, "Undecodable event"),
    holds.OnHold: Kind(409, "Legal hold", ("hold", "reference")),
    certifying.TooEarly: Kind(409, "Too early"),
    certifying.NotClean: Kind(409, "Not erased everywhere"),
    person.IdentityBehind: Kind(503, "Identity behind", retry_after=2),
    cipher.KeyMissing: Kind(503, "Key missing", retry_after=60),
    RecoveryNeeded: Kind(503, "Recovery needed", retry_after=30),
}
"""All domain errors; a test fails for a class that is missing here."""

API: Final[Mapping[str, Kind]] = {
    "malformed": Kind(400, "Malformed request"),
    "page-token": Kind(400, "Page token refused"),
    "unauthenticated": Kind(401, "Not authenticated"),
    "scope-missing": Kind(403, "Scope missing"),
    "principal-deactivated": Kind(403, "Principal deactivated"),
    "no-such-address": Kind(404, "No such address"),
    "method-not-allowed": Kind(405, "Method not allowed"),
    "body-too-large": Kind(413, "Body too large"),
    "query-too-long": Kind(414, "Query too long"),
    "media-type": Kind(415, "Unsupported media type"),
    "validation": Kind(422, "Not valid"),
    "unknown-parameter": Kind(422, "Unknown parameter"),
    "item-failed": Kind(422, "An item failed"),
    "precondition-required": Kind(428, "Precondition required"),
    "purpose-required": Kind(428, "Purpose required"),
    "rate-limited": Kind(429, "Too many requests", retry_after=1),
    "headers-too-large": Kind(431, "Headers too large"),
    "internal": Kind(500, "Internal error"),
    "seal-differs": Kind(500, "Seal differs"),
    "unavailable": Kind(503, "Unavailable", retry_after=2),
    "not-yet-visible": Kind(503, "Not yet visible", retry_after=1),
    "parked": Kind(503, "Events parked", retry_after=60),
}
"""Refusals by the API itself, by code."""


class Problem(HTTPException):
    """A refusal by the API itself; `code` is a key of `API`, `members` become extension members.

    It is an `HTTPException` because the framework hands on only those when they are raised while it reads a
    body; any other error becomes a 400 there.
    """

    def __init__(
        self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(API[code].status, detail, headers)
        self.code, self.members = code, members

    def response(self, correlation: str | None = None) -> Response:
        """The response with this problem."""
        return _respond(API[self.code], self.body(correlation), self.headers or {})

    def body(self, correlation: str | None = None) -> dict[str, Any]:
        """The members of the response."""
        return _body(API[self.code], self.code, self.detail, self.members, correlation)


def kind_of(error: errors.DomainError) -> Kind:
    """Returns the table's row for an error: that of its class, or of the nearest base class."""
    return next(DOMAIN[c] for c in type(error).__mro__ if c in DOMAIN)


def domain_response(error: errors.DomainError, correlation: str | None = None) -> Response:
    """Returns the response to a refused command or an unknown record."""
    return _respond(kind_of(error), domain_body(error, correlation), {})


def domain_body(error: errors.DomainError, correlation: str | None = None) -> dict[str, Any]:
    """Returns the members of that response; `encoded` writes them as JSON."""
    kind = kind_of(error)
    members = {name: getattr(error, name) for name in kind.members}
    return _body(kind, error.code, str(error), members, correlation)


def encoded(content: object) -> bytes:
    """JSON, with whatever a problem's members hold."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_UTC_Z)


def _body(
    kind: Kind, code: str, detail: str, members: Mapping[str, object], correlation: str | None
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": TYPE.format(code=code),
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": code,
    }
    if correlation is not None:
        body["correlation_id"] = correlation
    return body | dict(members)


def _respond(kind: Kind, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    sent = dict(headers)
    if kind.retry_after is not None:
        sent.setdefault("Retry-After", str(kind.retry_after))
    return Response(encoded(body), status_code=kind.status, media_type=MEDIA_TYPE, headers=sent)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a problem cannot carry a {type(value).__name__}")
