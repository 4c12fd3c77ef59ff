"""Every event type there is: permanent name, payload class, schema version, upcasters.

A name is never changed and never used again. A payload's shape is changed by a new version, an upcaster and
a frozen example in `tests/unit/frozen/events/`.
"""

from __future__ import annotations

from typing import Final

from domain import customer, opportunity, principal, product
from domain.events.registry import EventType, Registry
from domain.events.upcasters import product_registered_1_to_2

CATALOGUE: Final = Registry(
    [
        EventType("crm.principal.registered", principal.Registered),
        EventType("crm.principal.profile_changed", principal.ProfileChanged),
        EventType("crm.principal.deactivated", principal.Deactivated),
        EventType("crm.principal.reactivated", principal.Reactivated),
        EventType(
            "crm.product.registered", product.Registered, version=2, upcasters=(product_registered_1_to_2,)
        ),
        EventType("crm.product.price_changed", product.PriceChanged),
        EventType("crm.product.discontinued", product.Discontinued),
        EventType("crm.product.reintroduced", product.Reintroduced),
        EventType("crm.customer.registered", customer.Registered),
        EventType("crm.customer.profile_changed", customer.ProfileChanged),
        EventType("crm.customer.owner_assigned", customer.OwnerAssigned),
        EventType("crm.customer.merged_into", customer.MergedInto),
        EventType("crm.customer.absorbed", customer.Absorbed),
        EventType("crm.customer.unmerged", customer.Unmerged),
        EventType("crm.customer.released", customer.Released),
        EventType("crm.opportunity.opened", opportunity.Opened),
        EventType("crm.opportunity.stage_changed", opportunity.StageChanged),
        EventType("crm.opportunity.amount_changed", opportunity.AmountChanged),
        EventType("crm.opportunity.customer_linked", opportunity.CustomerLinked),
        EventType("crm.opportunity.owner_assigned", opportunity.OwnerAssigned),
        EventType("crm.opportunity.team_changed", opportunity.TeamChanged),
        EventType("crm.opportunity.products_changed", opportunity.ProductsChanged),
        EventType("crm.opportunity.close_date_changed", opportunity.CloseDateChanged),
        EventType("crm.opportunity.forecast_category_changed", opportunity.ForecastCategoryChanged),
        EventType("crm.opportunity.probability_overridden", opportunity.ProbabilityOverridden),
        EventType("crm.opportunity.won", opportunity.Won),
        EventType("crm.opportunity.lost", opportunity.Lost),
        EventType("crm.opportunity.reopened", opportunity.Reopened),
    ]
)
