"""Commands on leads."""

from __future__ import annotations

from api.sales import lead_bodies as bodies
from api.writes.command_routes import command_router

router = command_router(
    "leads",
    create=(bodies.CreateLead, "Create a lead"),
    verbs=(
        ("move", bodies.MoveLead, "Move to another open state"),
        ("disqualify", bodies.DisqualifyLead, "Disqualify"),
        ("reopen", bodies.ReopenLead, "Reopen"),
        ("score", bodies.ScoreLead, "Score"),
        ("assignOwner", bodies.AssignLeadOwner, "Assign the owner"),
        ("linkCustomer", bodies.LinkLead, "Name the customer"),
        ("convert", bodies.ConvertLead, "Convert"),
    ),
)
