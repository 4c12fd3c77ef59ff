"""Looking up the records that a command names: that they exist, and that they can be named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from commands.decision import World
from domain import customer, principal, product
from domain.customer import Customer
from domain.errors import Invalid
from domain.principal import Principal
from domain.product import Product

DEPTH: Final = 50
"""Most levels of parents or managers."""


def customer_of(world: World, id: UUID) -> Customer:
    """The customer, one that is merged as well. Raises `NotFound`."""
    return world.load("customer", customer.evolve, id)


def principal_of(world: World, id: UUID) -> Principal:
    """The principal, one that is deactivated as well. Raises `NotFound`."""
    return world.load("principal", principal.evolve, id)


def product_of(world: World, id: UUID) -> Product:
    """The product, one that is discontinued as well. Raises `NotFound`."""
    return world.load("product", product.evolve, id)


def require_customer(world: World, id: UUID | None, *, imported: bool = False) -> None:
    """Refuses a customer that is not there or, unless history is imported, was merged into another."""
    if id is not None:
        found = customer_of(world, id)
        if not imported:
            customer.require_active(found)


def require_principal(world: World, id: UUID | None, *, imported: bool = False) -> None:
    """Refuses a principal that is not there or, unless history is imported, is deactivated."""
    if id is not None:
        found = principal_of(world, id)
        if not imported:
            principal.require_active(found)


def require_product(world: World, id: UUID | None, *, imported: bool = False) -> None:
    """Refuses a product that is not there or, unless history is imported, is discontinued."""
    if id is not None:
        found = product_of(world, id)
        if not imported:
            product.require_offered(found)


def require_parent(world: World, id: UUID | None, *, of: UUID) -> None:
    """Refuses a parent organisation that is not there, is a person, was merged, or stands below `of`."""
    if id is None:
        return
    parent = customer_of(world, id)
    customer.require_active(parent)
    customer.require_organisation(parent)
    _refuse_cycle("organisation", of, id, lambda id: customer_of(world, id).parent_id)


def require_manager(world: World, id: UUID | None, *, of: UUID) -> None:
    """Refuses a manager who is not there, is deactivated, or stands below `of`."""
    if id is None:
        return
    principal.require_active(principal_of(world, id))
    _refuse_cycle("principal", of, id, lambda id: principal_of(world, id).manager_id)


def _refuse_cycle(what: str, of: UUID, start: UUID, above: Callable[[UUID], UUID | None]) -> None:
    current: UUID | None = start
    for _ in range(DEPTH):
        if current is None:
            return
        if current == of:
            raise Invalid(
                f"The {what} {start} stands below {of} and cannot stand above it. Name another one."
            )
        current = above(current)
    raise Invalid(f"There would be more than {DEPTH} levels above {of}. Name one nearer to the top.")
