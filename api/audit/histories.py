"""Histories replayed: timeline, state, differences, steps, export. Private values only on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, WithJsonSchema

from api.audit.history_shapes import HistoryDiff, HistoryState, HistorySteps, HistoryTimeline
from api.http.auth import requires
from api.http.context import correlation_of
from api.http.page_tokens import PageTokens
from api.http.problems import Problem
from api.http.query import declared_only
from api.reads import filters as declared
from api.reads.as_of import AsOfQuery
from api.reads.consistency import Consistency, consistent
from api.reads.listing import PageSize, PageToken, Paging
from api.reads.meta import meta_of
from api.reads.private import GivesPrivate, shows
from api.reads.snapshot import Snapshot, snapshot
from api.services import Services
from commands.audit import export as exporting
from commands.audit.history import Histories, Scope
from commands.audit.principal_names import names_from
from commands.audit.replay import Kind, Moment, diff, state_at, steps
from commands.audit.text_format import step_lines
from commands.audit.timeline import (
    Names,
    Period,
    difference_json,
    group_json,
    grouped,
    page_of,
    state_json,
    step_json,
)
from commands.directory.api_keys import ApiKey
from commands.store.recorder import PostgresApplicationRecorder
from domain.kernel.as_of import AsOf
from domain.record_types import AUDITED
from projections.identity.questions import Identity

router = APIRouter(
    prefix="/v1/audit",
    tags=["audit"],
    dependencies=[requires("audit:read"), Depends(declared_only), GivesPrivate],
)

MAX_EVENTS: Final = 5_000
"""Most events of an export by HTTP; the command line has no limit."""

_KINDS: Final[Mapping[str, Kind]] = {each.plural: each.name for each in AUDITED}


def _known(records: str) -> str:
    if records not in _KINDS:
        raise ValueError(f"must be one of {', '.join(_KINDS)}")
    return records


Records = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(_KINDS)})]
"""The plural of a record type whose history is replayed."""

_PERIOD: Final = {
    "from": declared.moment("What happened at this business time or later."),
    "to": declared.moment("What happened before this business time."),
    "view": declared.word("`full`: with what each event changed; `compact`, the default, without."),
    "open": declared.FieldType(
        declared.YES_OR_NO.adapter, ("eq",), {"type": "boolean"}, "Opens private values; needs crm:read too."
    ),
}  # fmt: skip
_POINTS: Final = "A version (0 is before the first event), or a business time."

Open = Annotated[bool, Query(description="Opens private values; needs the scope crm:read too.")]


class HistoryQuery:
    """One query of a history; `names` are those of principals if private values are opened."""

    def __init__(self, request: Request, records: Records, id: UUID, *, opened: bool) -> None:
        """Raises `Problem` (`scope-missing`) if the caller may not open private values."""
        services: Services = request.app.state.services
        key: ApiKey = request.state.key
        if opened and "crm:read" not in key.scopes:
            raise Problem(
                "scope-missing",
                "This key lacks the scope crm:read, which opening private values needs. Leave open out, or "
                "use a key that has it.",
                scope="crm:read",
            )
        pool = cast(PostgresApplicationRecorder, services.crm.recorder).pool
        self.kind, self.id, self.services = _KINDS[records], id, services
        self.histories = Histories(pool, services.crm if opened else None)
        self.names: Names | None = names_from(services.crm, self.histories) if opened else None
        self._request = request

    def scope(self, look: Snapshot) -> Scope:
        """For a customer, the parties that are this customer now."""
        if self.kind != "customer":
            return Scope.of_record(self.kind, self.id)
        cluster = look.ask("identity", Identity).cluster(self.id)
        return Scope(
            kind=self.kind,
            id=self.id,
            parties=cluster.parties,
            records=cluster.incoming,
            without=cluster.away,
        )

    def told(self) -> None:
        """Notes whose private values the finished response holds."""
        for party, records in self.histories.shown.items():
            for record in records:
                shows(self._request, party, record)


@router.get(
    "/{records}/{id:uuid}/timeline",
    summary="Get the audit timeline of a record",
    openapi_extra={"parameters": declared.parameters(_PERIOD)},
    response_model=HistoryTimeline,
    response_model_exclude_unset=True,
)
def get_audit_timeline(
    request: Request,
    records: Records,
    id: UUID,
    consistency: Annotated[Consistency, Depends(consistent("identity"))],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Any:
    """Who did what, when and why, oldest first, grouped by what caused it. For a customer it covers all
    that is this customer now: merged customers, converted leads, contacts, opportunities, cases and
    interactions."""
    with snapshot(request.app.state.services, "identity") as look:
        paging = Paging(request, look, f"audit/{records}/{id}", page_token)
        told = declared.values(paging.arguments, _PERIOD)
        view = told.get("view", "compact")
        if view not in ("compact", "full"):
            raise Problem("validation", "view is compact or full. Correct it.", allowed=["compact", "full"])
        asked = HistoryQuery(request, records, id, opened=told.get("open", False))
        asked.histories.require(asked.kind, id)
        scope = asked.scope(look)
        meta = meta_of(asked.services, look, consistency)
    page = page_of(
        asked.histories,
        scope,
        after=int(paging.after[0]) if paging.after else 0,
        limit=page_size,
        period=Period(start=told.get("from"), end=told.get("to")),
        full=view == "full",
    )
    answer = {
        "parties": scope.parties,
        "groups": [group_json(group, asked.names, full=view == "full") for group in grouped(page.steps)],
        "continues": page.as_of,
        "next_page_token": paging.next(None if page.after is None else (str(page.after),)),
        "meta": meta,
    }
    asked.told()
    return answer


@router.get("/{records}/{id:uuid}/state", summary="Get a record at a moment", response_model=HistoryState)
def get_audit_state(
    request: Request,
    records: Records,
    id: UUID,
    bounds: AsOfQuery,
    version: Annotated[int | None, Query(ge=1, le=10**9, description="As it was at this version.")] = None,
    open: Open = False,
) -> Any:
    """A record's fields, now or at a moment, replayed from its events. 404 before its first event."""
    asked = HistoryQuery(request, records, id, opened=open)
    facts = asked.histories.facts(asked.kind, id)
    found = state_at(asked.kind, id, facts, Moment(version=version, as_of=bounds))
    asked.told()
    return state_json(found)


@router.get(
    "/{records}/{id:uuid}/diff", summary="Get what differs between two moments", response_model=HistoryDiff
)
def get_audit_diff(
    request: Request,
    records: Records,
    id: UUID,
    from_: Annotated[str, Query(alias="from", max_length=40, description=_POINTS)] = "0",
    to: Annotated[str | None, Query(max_length=40, description=f"{_POINTS} Now where left out.")] = None,
    open: Open = False,
) -> Any:
    """Each field that changed between two moments, before and after, with the events that changed it."""
    asked = HistoryQuery(request, records, id, opened=open)
    start, end = _point("from", from_), Moment() if to is None else _point("to", to)
    found = diff(asked.histories.facts(asked.kind, id), start, end)
    answer = {"fields": [difference_json(each, asked.names) for each in found]}
    asked.told()
    return answer


@router.get("/{records}/{id:uuid}/steps", summary="List the steps of a record", response_model=HistorySteps)
def list_audit_steps(
    request: Request,
    records: Records,
    id: UUID,
    page_size: PageSize = 50,
    page_token: PageToken = None,
    open: Open = False,
) -> Any:
    """A record's events one by one, each with the fields that it changed."""
    asked = HistoryQuery(request, records, id, opened=open)
    tokens: PageTokens = request.app.state.tokens
    listing, arguments = f"audit-steps/{records}/{id}", {"open": str(open)}
    after = 0
    if page_token is not None:
        page = tokens.open(page_token, listing, 1, arguments)
        after = int(page.after[0]) if page.after else 0
    found = list(steps(asked.histories.facts(asked.kind, id)))
    upto = after + page_size
    following = tokens.seal(listing, 1, arguments, (str(upto),)) if upto < len(found) else None
    answer = {
        "steps": [step_json(step, asked.names) for step in found[after:upto]],
        "next_page_token": following,
    }
    asked.told()
    return answer


@router.get(
    "/{records}/{id:uuid}/export",
    summary="Export the history of a record",
    response_class=Response,
    responses={200: {"content": {"application/jsonl": {}, "text/plain": {}}}},
)
def export_audit_history(
    request: Request,
    records: Records,
    id: UUID,
    consistency: Annotated[Consistency, Depends(consistent("identity"))],  # noqa: ARG001 - it waits
    form: Annotated[
        Literal["raw", "decoded", "readable"],
        Query(
            description="`raw`: stored bytes with seals and proofs, for `rapport audit open`; `decoded`: "
            "JSON lines; `readable`: text. An export in one of the last two forms is recorded."
        ),
    ] = "raw",
    open: Open = False,
) -> Response:
    """The whole history as a file, oldest first; for a customer that of all that is this customer now."""
    if form == "raw" and open:
        raise Problem(
            "validation", "A raw export holds ciphertext alone. Leave open out, or take form=decoded."
        )
    asked = HistoryQuery(request, records, id, opened=open)
    with snapshot(asked.services, "identity") as look:
        scope = asked.scope(look)
    asked.histories.require(asked.kind, id)
    if len(asked.histories.page(scope, 0, MAX_EVENTS + 1)) > MAX_EVENTS:
        raise Problem(
            "validation",
            f"The history has more than {MAX_EVENTS:,} events. "
            "Export it on the server: `rapport audit export`.",
        )
    try:
        body = b"".join(_lines(request, asked, scope, form))
    except exporting.SealDiffers as differs:
        raise Problem("seal-differs", str(differs)) from differs
    asked.told()
    suffix, media = (
        ("txt", "text/plain; charset=utf-8") if form == "readable" else ("jsonl", "application/jsonl")
    )
    name = f"{asked.kind}-{id}.{form}.{suffix}"
    return Response(body, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _lines(request: Request, asked: HistoryQuery, scope: Scope, form: exporting.Form) -> Iterator[bytes]:
    """Yields the lines of an export. Records the export before the first line if it must be."""
    now: datetime = asked.services.clock()
    if form == "raw":
        if asked.services.seal_public is None:
            raise Problem(
                "unavailable",
                "This server lacks the public key of the seals. Use another server, or tell the operators.",
            )
        return exporting.raw(asked.histories, scope, asked.services.seal_public(), now)
    exporting.record_export(
        asked.services.crm,
        asked.histories,
        scope,
        form,
        opened=asked.histories.opened,
        actor=request.state.actor,
        now=now,
        correlation=correlation_of(request.scope),
    )
    if form == "decoded":
        return exporting.decoded(asked.histories, scope, now, asked.names)
    return exporting.readable(asked.histories, scope, now, lambda step: step_lines(step, asked.names))


def _point(name: str, text: str) -> Moment:
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return Moment(version=int(text))
    time = declared.values({name: text}, {name: _PERIOD[name]})[name]
    return Moment(as_of=AsOf(as_of=time))
