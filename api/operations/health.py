"""`/livez` and `/readyz`: the two routes without a key."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.http.problems import Problem
from api.services import Services

router = APIRouter(tags=["health"])


@router.get("/livez", summary="Is the process alive?")
def livez() -> dict[str, str]:
    """Always 200 while the process runs; checks nothing else."""
    return {"status": "alive"}


@router.get("/readyz", summary="May requests be sent here?", responses={503: {"description": "Not ready"}})
def readyz(request: Request) -> JSONResponse:
    """200, or 503 with the reasons: the process is about to stop, or a service that it needs is away.
    `lacking` names read models whose active version belongs to a newer release; their routes return 503.
    """
    services: Services = request.app.state.services
    reasons = list(services.ready())
    if services.draining.is_set():
        reasons.insert(0, "This process is about to stop. Send requests to another one.")
    if reasons:
        raise Problem("unavailable", " ".join(reasons), reasons=reasons)
    return JSONResponse({"status": "ready", "lacking": list(services.lacking())})
