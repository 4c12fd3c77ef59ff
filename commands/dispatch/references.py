"""Looking up what a command names, records and time zones: that they exist, and that they can be named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commands.dispatch.decision import Repository
from domain.activities.interaction import state as interaction
from domain.customers.contact import state as contact
from domain.customers.contact.state import Contact
from domain.customers.customer import decide as customer_decide
from domain.customers.customer import state as customer
from domain.customers.customer.state import Customer
from domain.directory.principal import decide as principal_decide
from domain.directory.principal import state as principal
from domain.directory.principal.state import Principal
from domain.kernel.errors import Erased, Invalid
from domain.sales.lead import state as lead
from domain.sales.lead.state import Lead
from domain.sales.opportunity import state as opportunity
from domain.sales.opportunity.state import Opportunity
from domain.sales.product import decide as product_decide
from domain.sales.product import state as product
from domain.sales.product.state import Product
from domain.service.case import state as case
from domain.service.case.state import Case

MAX_LEVELS: Final = 50
"""Most levels of parents or managers."""


def customer_of(world: Repository, id: UUID) -> Customer:
    """The customer, one that is merged as well. Raises `NotFound`, `Erased`."""
    found = world.load("customer", customer.evolve, id)
    if found.state == "erased":
        raise Erased.record("customer", id)
    return found


def principal_of(world: Repository, id: UUID) -> Principal:
    """The principal, one that is deactivated as well. Raises `NotFound`."""
    return world.load("principal", principal.evolve, id)


def product_of(world: Repository, id: UUID) -> Product:
    """The product, one that is discontinued as well. Raises `NotFound`."""
    return world.load("product", product.evolve, id)


def contact_of(world: Repository, id: UUID) -> Contact:
    """The contact. Raises `NotFound`, `Erased`."""
    found = world.load("contact", contact.evolve, id)
    if found.erased:
        raise Erased.record("contact", id)
    return found


def lead_of(world: Repository, id: UUID) -> Lead:
    """The lead, in any other state. Raises `NotFound`, `Erased`."""
    found = world.load("lead", lead.evolve, id)
    if found.state == "erased":
        raise Erased.record("lead", id)
    return found


def opportunity_of(world: Repository, id: UUID) -> Opportunity:
    """The opportunity, in any stage. Raises `NotFound`."""
    return world.load("opportunity", opportunity.evolve, id)


def case_of(world: Repository, id: UUID) -> Case:
    """The case, in any state. Raises `NotFound`."""
    return world.load("case", case.evolve, id)


def require_contact(world: Repository, id: UUID | None) -> None:
    """Refuses a contact that is not there."""
    if id is not None:
        contact_of(world, id)


def require_opportunity(world: Repository, id: UUID | None) -> None:
    """Refuses an opportunity that is not there."""
    if id is not None:
        opportunity_of(world, id)


def require_case(world: Repository, id: UUID | None) -> None:
    """Refuses a case that is not there."""
    if id is not None:
        case_of(world, id)


def require_interaction(world: Repository, id: UUID | None) -> None:
    """Refuses an interaction that is not there."""
    if id is not None:
        world.load("interaction", interaction.evolve, id)


def require_customer(world: Repository, id: UUID | None, *, imported: bool = False) -> None:
    """Refuses a customer that is not there or, unless history is imported, was merged into another."""
    if id is not None:
        found = customer_of(world, id)
        if not imported:
            customer_decide.require_active(found)


def require_principal(world: Repository, id: UUID | None, *, imported: bool = False) -> None:
    """Refuses a principal that is not there or, unless history is imported, is deactivated."""
    if id is not None:
        found = principal_of(world, id)
        if not imported:
            principal_decide.require_active(found)


def require_product(world: Repository, id: UUID | None, *, imported: bool = False) -> None:
    """Refuses a product that is not there or, unless history is imported, is discontinued."""
    if id is not None:
        found = product_of(world, id)
        if not imported:
            product_decide.require_offered(found)


def require_parent(world: Repository, id: UUID | None, *, of: UUID) -> None:
    """Refuses a parent organisation that is not there, is a person, was merged, or stands below `of`."""
    if id is None:
        return
    parent = customer_of(world, id)
    customer_decide.require_active(parent)
    customer_decide.require_organisation(parent)
    _refuse_cycle("organisation", of, id, lambda id: customer_of(world, id).parent_id)


def require_time_zone(name: str | None) -> None:
    """Refuses a time zone that this machine's database of time zones has not."""
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("There is no time zone of that name. Name one such as Europe/Berlin or UTC.") from None


def require_manager(world: Repository, id: UUID | None, *, of: UUID) -> None:
    """Refuses a manager who is not there, is deactivated, or stands below `of`."""
    if id is None:
        return
    principal_decide.require_active(principal_of(world, id))
    _refuse_cycle("principal", of, id, lambda id: principal_of(world, id).manager_id)


def _refuse_cycle(what: str, of: UUID, start: UUID, above: Callable[[UUID], UUID | None]) -> None:
    current: UUID | None = start
    for _ in range(MAX_LEVELS):
        if current is None:
            return
        if current == of:
            raise Invalid(
                f"The {what} {start} stands below {of} and cannot stand above it. Name another one."
            )
        current = above(current)
    raise Invalid(f"There would be more than {MAX_LEVELS} levels above {of}. Name one nearer to the top.")
