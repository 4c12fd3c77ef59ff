"""Commands on products."""

from __future__ import annotations

from api.sales import product_bodies as bodies
from api.writes.command_routes import command_router

router = command_router(
    "products",
    located=False,
    create=(bodies.Register, "Register a product"),
    verbs=(
        ("changePrice", bodies.ChangePrice, "Change the list price"),
        ("discontinue", bodies.Discontinue, "Discontinue"),
        ("reintroduce", bodies.Reintroduce, "Reintroduce"),
    ),
)
