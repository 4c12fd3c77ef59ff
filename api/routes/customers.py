"""Commands on customers."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from api.auth import requires
from api.bodies import customer as bodies
from api.changing import add_changes
from api.query import declared_only
from api.sending import IdempotencyKey, Recorded, send

router = APIRouter(
    prefix="/v1",
    tags=["customers"],
    dependencies=[requires("crm:write"), Depends(declared_only)],
)


@router.post("/customers", status_code=201, summary="Register a customer")
def register_customer(
    request: Request, response: Response, body: bodies.Register, key: IdempotencyKey
) -> Recorded:
    """With a `reference`, a second one of the same external id is refused (409) and names the record."""
    return send(request, response, body.command(), body, key=key)


add_changes(
    router,
    "customers",
    (
        ("change", bodies.ChangeProfile, "Change the profile"),
        ("assignOwner", bodies.AssignOwner, "Assign the owner"),
        ("merge", bodies.Merge, "Merge into another customer"),
        ("unmerge", bodies.Unmerge, "Undo a merge"),
    ),
)
