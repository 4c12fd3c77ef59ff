"""Commands on products."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from api.auth import requires
from api.bodies import product as bodies
from api.changing import add_changes
from api.query import declared_only
from api.sending import IdempotencyKey, Recorded, send

router = APIRouter(
    prefix="/v1",
    tags=["products"],
    dependencies=[requires("crm:write"), Depends(declared_only)],
)


@router.post("/products", status_code=201, summary="Register a product")
def register_product(
    request: Request, response: Response, body: bodies.Register, key: IdempotencyKey
) -> Recorded:
    """With a `reference`, a second one of the same external id is refused (409) and names the record."""
    return send(request, response, body.command(), body, key=key)


add_changes(
    router,
    "products",
    (
        ("changePrice", bodies.ChangePrice, "Change the list price"),
        ("discontinue", bodies.Discontinue, "Discontinue"),
        ("reintroduce", bodies.Reintroduce, "Reintroduce"),
    ),
)
