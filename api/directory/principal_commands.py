"""Commands on principals."""

from __future__ import annotations

from api.directory import principal_bodies as bodies
from api.writes.command_routes import command_router

router = command_router(
    "principals",
    located=False,
    create=(bodies.Register, "Register a principal"),
    verbs=(
        ("change", bodies.ChangeProfile, "Change the profile"),
        ("deactivate", bodies.Deactivate, "Deactivate"),
        ("reactivate", bodies.Reactivate, "Reactivate"),
    ),
)
