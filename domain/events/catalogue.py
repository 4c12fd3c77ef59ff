"""Every event type there is: permanent name, payload class, schema version, upcasters.

A name is never changed and never used again. A payload's shape is changed by a new version, an upcaster and
a frozen example in `tests/unit/frozen/events/`.
"""

from __future__ import annotations

from typing import Final

from domain.activities.interaction import events as interaction
from domain.customers.contact import events as contact
from domain.customers.customer import events as customer
from domain.directory.principal import events as principal
from domain.events.registry import EventType, Registry
from domain.events.upcasters import (
    case_rejected_1_to_2,
    customer_registered_1_to_2,
    product_registered_1_to_2,
)
from domain.operations import read_model as readmodel
from domain.privacy import (
    erasure,
    private_read,
    retention,
)
from domain.privacy import (
    history_export as history,
)
from domain.privacy import (
    key_rotation as rotation,
)
from domain.privacy import (
    legal_hold as hold,
)
from domain.privacy import (
    person_export as disclosure,
)
from domain.sales.lead import events as lead
from domain.sales.opportunity import events as opportunity
from domain.sales.product import events as product
from domain.service.case import events as case

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
        EventType(
            "crm.customer.registered", customer.Registered, version=2, upcasters=(customer_registered_1_to_2,)
        ),
        EventType("crm.customer.profile_changed", customer.ProfileChanged),
        EventType("crm.customer.owner_assigned", customer.OwnerAssigned),
        EventType("crm.customer.reference_added", customer.ReferenceAdded),
        EventType("crm.customer.merged_into", customer.MergedInto),
        EventType("crm.customer.absorbed", customer.Absorbed),
        EventType("crm.customer.unmerged", customer.Unmerged),
        EventType("crm.customer.released", customer.Released),
        EventType("crm.customer.erased", customer.Erased),
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
        EventType("crm.contact.registered", contact.Registered),
        EventType("crm.contact.profile_changed", contact.ProfileChanged),
        EventType("crm.contact.point_added", contact.PointAdded),
        EventType("crm.contact.point_verified", contact.PointVerified),
        EventType("crm.contact.point_removed", contact.PointRemoved),
        EventType("crm.contact.consent_given", contact.ConsentGiven),
        EventType("crm.contact.consent_withdrawn", contact.ConsentWithdrawn),
        EventType("crm.contact.erased", contact.Erased),
        EventType("crm.lead.created", lead.Created),
        EventType("crm.lead.status_changed", lead.StatusChanged),
        EventType("crm.lead.disqualified", lead.Disqualified),
        EventType("crm.lead.reopened", lead.Reopened),
        EventType("crm.lead.scored", lead.Scored),
        EventType("crm.lead.owner_assigned", lead.OwnerAssigned),
        EventType("crm.lead.customer_linked", lead.CustomerLinked),
        EventType("crm.lead.converted", lead.Converted),
        EventType("crm.lead.erased", lead.Erased),
        EventType("crm.case.opened", case.Opened),
        EventType("crm.case.assigned", case.Assigned),
        EventType("crm.case.state_changed", case.StateChanged),
        EventType("crm.case.priority_changed", case.PriorityChanged),
        EventType("crm.case.escalated", case.Escalated),
        EventType("crm.case.details_changed", case.DetailsChanged),
        EventType("crm.case.responded", case.Responded),
        EventType("crm.case.resolved", case.Resolved),
        EventType("crm.case.closed", case.CaseClosed),
        EventType("crm.case.reopened", case.Reopened),
        EventType("crm.case.rejected", case.Rejected, version=2, upcasters=(case_rejected_1_to_2,)),
        EventType("crm.case.duplicated", case.Duplicated),
        EventType("crm.case.customer_linked", case.CustomerLinked),
        EventType("crm.interaction.recorded", interaction.Recorded),
        EventType("crm.interaction.corrected", interaction.Corrected),
        EventType("crm.interaction.customer_linked", interaction.CustomerLinked),
        EventType("crm.interaction.linked", interaction.Linked),
        EventType("crm.readmodel.rebuild_started", readmodel.RebuildStarted),
        EventType("crm.readmodel.verified", readmodel.Verified),
        EventType("crm.readmodel.verification_failed", readmodel.VerificationFailed),
        EventType("crm.readmodel.swapped", readmodel.Swapped),
        EventType("crm.readmodel.rolled_back", readmodel.RolledBack),
        EventType("crm.readmodel.dropped", readmodel.Dropped),
        EventType("crm.readmodel.aborted", readmodel.Aborted),
        EventType("crm.readmodel.paused", readmodel.Paused),
        EventType("crm.readmodel.resumed", readmodel.Resumed),
        EventType("crm.readmodel.retried", readmodel.Retried),
        EventType("crm.privacy.erasure_begun", erasure.ErasureBegun),
        EventType("crm.privacy.keys_destroyed", erasure.KeysDestroyed),
        EventType("crm.privacy.erasure_certified", erasure.ErasureCertified),
        EventType("crm.privacy.hold_placed", hold.HoldPlaced),
        EventType("crm.privacy.hold_released", hold.HoldReleased),
        EventType("crm.privacy.retention_applied", retention.RetentionApplied),
        EventType("crm.privacy.kek_rotated", rotation.KekRotated),
        EventType("crm.privacy.person_exported", disclosure.PersonExported),
        EventType("crm.privacy.private_read", private_read.PrivateRead),
        EventType("crm.privacy.history_exported", history.HistoryExported),
    ]
)
