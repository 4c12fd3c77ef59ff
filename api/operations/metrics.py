"""`/metrics` for Prometheus: this process, the read models and the relay."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client.exposition import choose_encoder

from api.http.auth import requires
from api.http.query import declared_only
from api.services import Services

router = APIRouter(tags=["health"], dependencies=[requires("ops:admin"), Depends(declared_only)])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Requests and appends of this process; position, lag, state and parked events of each read model; the
    relay. In the text format, or OpenMetrics if `Accept` names it."""
    services: Services = request.app.state.services
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(services.measuring.registry), media_type=media_type)
