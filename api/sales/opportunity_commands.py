"""Commands on opportunities: opening one, and its moves."""

from __future__ import annotations

from api.sales import opportunity_bodies as bodies
from api.writes.command_routes import command_router

router = command_router(
    "opportunities",
    create=(bodies.Open, "Open an opportunity"),
    verbs=(
        ("moveStage", bodies.MoveStage, "Move to another open stage"),
        ("win", bodies.Win, "Close as won"),
        ("lose", bodies.Lose, "Close as lost"),
        ("reopen", bodies.Reopen, "Reopen"),
        ("changeAmount", bodies.ChangeAmount, "Change the amount"),
        ("linkCustomer", bodies.LinkCustomer, "Name the customer"),
        ("assignOwner", bodies.AssignOwner, "Assign the owner"),
        ("changeTeam", bodies.ChangeTeam, "Change the team"),
        ("changeProducts", bodies.ChangeProducts, "Change the line items"),
        ("changeCloseDate", bodies.ChangeCloseDate, "Change the expected close"),
        ("changeForecastCategory", bodies.ChangeForecastCategory, "Change the forecast category"),
        ("overrideProbability", bodies.OverrideProbability, "Override the probability"),
    ),
)
