"""Commands on cases."""

from __future__ import annotations

from api.service import case_bodies as bodies
from api.writes.command_routes import command_router

router = command_router(
    "cases",
    scope="service:write",
    create=(bodies.OpenCase, "Open a case"),
    verbs=(
        ("assign", bodies.AssignCase, "Assign to a queue or an owner"),
        ("move", bodies.MoveCase, "Move to another open state"),
        ("changePriority", bodies.ChangeCasePriority, "Change the priority"),
        ("escalate", bodies.EscalateCase, "Change the escalation level"),
        ("change", bodies.ChangeCaseDetails, "Change the details"),
        ("respond", bodies.RespondToCase, "Note the first response"),
        ("resolve", bodies.ResolveCase, "Resolve"),
        ("close", bodies.CloseCase, "Close"),
        ("reopen", bodies.ReopenCase, "Reopen"),
        ("reject", bodies.RejectCase, "Reject"),
        ("markDuplicate", bodies.MarkDuplicate, "Mark as a duplicate"),
        ("linkCustomer", bodies.LinkCase, "Name the customer"),
    ),
)
