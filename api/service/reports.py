"""Reports of the service desk: backlog, reopening, times, complaints, and the logs' own verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request

from api.http.auth import requires
from api.http.query import declared_only
from api.reads.consistency import Consistency, consistent
from api.reads.meta import meta_of
from api.reads.period import Span, period
from api.reads.snapshot import snapshot
from api.service.shapes import (
    BacklogReport,
    BacklogRow,
    ComplaintReport,
    ComplaintRow,
    ReopenReport,
    SlaReport,
    TimesReport,
    TimesRow,
)
from api.services import Services
from projections.service_history.questions import Cases

router = APIRouter(
    prefix="/v1/service", tags=["service"], dependencies=[requires("crm:read"), Depends(declared_only)]
)

_MODEL: Final = "service_history"
_Wait = Annotated[Consistency, Depends(consistent(_MODEL))]


_Period = Annotated[Span, Depends(period)]


@contextmanager
def _asking(request: Request, consistency: Consistency) -> Iterator[tuple[Cases, dict[str, Any]]]:
    """The queries, and the answer's `meta` of the same moment."""
    services: Services = request.app.state.services
    with snapshot(services, _MODEL) as look:
        yield look.ask(_MODEL, Cases), {"meta": meta_of(services, look, consistency)}


@router.get("/backlog", summary="Get the backlog")
def get_backlog(request: Request, consistency: _Wait) -> BacklogReport:
    """Cases that are open now, by queue and priority, the most urgent first."""
    with _asking(request, consistency) as (cases, meta):
        rows = [BacklogRow(**asdict(row)) for row in cases.backlog()]
    return BacklogReport(cases=sum(row.cases for row in rows), rows=rows, **meta)


@router.get("/reopenRate", summary="Get the rate of reopened cases")
def get_reopen_rate(request: Request, consistency: _Wait, span: _Period) -> ReopenReport:
    """Of the cases that were first resolved in the period, those that were reopened since."""
    with _asking(request, consistency) as (cases, meta):
        found = cases.reopening(span.since, span.until)
    return ReopenReport(**asdict(span), **asdict(found), **meta)


@router.get("/times", summary="Get the times to response and resolution")
def get_times(request: Request, consistency: _Wait, span: _Period) -> TimesReport:
    """First response, first resolution, and the resolution that holds, of the cases opened in the period. By
    the clock, less the time on hold: business time comes with the calendars of service levels."""
    with _asking(request, consistency) as (cases, meta):
        rows = [TimesRow(**asdict(row)) for row in cases.times(span.since, span.until)]
    return TimesReport(**asdict(span), rows=rows, **meta)


@router.get("/complaints", summary="Get complaints by product and cause")
def get_complaints(request: Request, consistency: _Wait, span: _Period) -> ComplaintReport:
    """Complaints opened in the period, by product and cause."""
    with _asking(request, consistency) as (cases, meta):
        rows = [ComplaintRow(**asdict(row)) for row in cases.complaints(span.since, span.until)]
    return ComplaintReport(**asdict(span), cases=sum(row.cases for row in rows), rows=rows, **meta)


@router.get("/reportedSla", summary="Get what imported logs say of their SLA")
def get_reported_sla(request: Request, consistency: _Wait, span: _Period) -> SlaReport:
    """Met and missed by the logs' own word, of the cases closed in the period; our own clocks come apart."""
    with _asking(request, consistency) as (cases, meta):
        found = cases.verdicts(span.since, span.until)
    return SlaReport(**asdict(span), **asdict(found), **meta)
