"""Commands on contacts."""

from __future__ import annotations

from api.customers import contact_bodies as bodies
from api.writes.command_routes import command_router

router = command_router(
    "contacts",
    create=(bodies.RegisterContact, "Register a contact"),
    verbs=(
        ("change", bodies.ChangeContact, "Change the profile"),
        ("addPoint", bodies.AddContactPoint, "Add a contact point"),
        ("verifyPoint", bodies.VerifyContactPoint, "Verify a contact point"),
        ("removePoint", bodies.RemoveContactPoint, "Remove a contact point"),
        ("giveConsent", bodies.GiveConsent, "Give consent"),
        ("withdrawConsent", bodies.WithdrawConsent, "Withdraw consent"),
    ),
)
