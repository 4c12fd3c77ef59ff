"""The commands of every record type: written-out bodies, and commands with routes elsewhere."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.activities import interaction_bodies
from api.customers import contact_bodies, customer_bodies
from api.directory import principal_bodies
from api.sales import lead_bodies, opportunity_bodies, product_bodies
from api.service import case_bodies
from api.writes.command_routes import Bodies, bodies_in, command_router
from domain.activities.interaction.commands import RecordInteraction
from domain.record_types import BUSINESS

BODIES: Final[Bodies] = {
    **bodies_in(customer_bodies),
    **bodies_in(contact_bodies),
    **bodies_in(lead_bodies),
    **bodies_in(opportunity_bodies),
    **bodies_in(product_bodies),
    **bodies_in(case_bodies),
    **bodies_in(interaction_bodies),
    **bodies_in(principal_bodies),
}
"""Bodies that say more than their command: examples, bounds, other types. All others are generated."""

OWN: Final = frozenset({RecordInteraction})
"""Commands with routes of their own: sending an interaction twice is not an error."""


def command_routers() -> list[APIRouter]:
    """Returns a router for each record type."""
    return [command_router(each, BODIES, own=OWN) for each in BUSINESS]
