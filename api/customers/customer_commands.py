"""Commands on customers."""

from __future__ import annotations

from api.customers import customer_bodies as bodies
from api.writes.command_routes import command_router

router = command_router(
    "customers",
    create=(bodies.Register, "Register a customer"),
    verbs=(
        ("change", bodies.ChangeProfile, "Change the profile"),
        ("assignOwner", bodies.AssignOwner, "Assign the owner"),
        ("addReference", bodies.AddReference, "Add an external reference"),
        ("merge", bodies.Merge, "Merge into another customer"),
        ("unmerge", bodies.Unmerge, "Undo a merge"),
    ),
)
