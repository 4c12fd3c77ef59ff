"""Version 1 of `customer_360`: its tables, views and queries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from projections.customer_360.v1.fold.contacts import CONSENT, CONTACT, consent, contact, of_consent
from projections.customer_360.v1.fold.customers import CUSTOMER, PERSON, customer, has_person, person
from projections.customer_360.v1.fold.entries import ENTRY, entry, under_position
from projections.customer_360.v1.fold.rows import subject_of
from projections.customer_360.v1.fold.work import (
    CASE,
    INTERACTION,
    OPPORTUNITY,
    case,
    interaction,
    opportunity,
)
from projections.customer_360.v1.queries import Customers
from projections.record_families import customer_families, person_families
from projections.runtime.projection import Projection, Table

CUSTOMER_360_V1: Final = Projection(
    name="customer_360",
    version=1,
    families=customer_families(),
    tables=(
        Table(
            name="customer", columns=CUSTOMER, key="id", keys_of=subject_of("customer"), fold=customer,
            single_aggregate=True, families=("customer",),
        ),
        Table(
            name="person", columns=PERSON, key="id", keys_of=has_person, fold=person, single_aggregate=True,
            families=person_families(),
        ),
        Table(
            name="contact", columns=CONTACT, key="id", keys_of=subject_of("contact"), fold=contact,
            single_aggregate=True, families=("contact",),
        ),
        Table(
            name="consent", columns=CONSENT, key="id", keys_of=of_consent, fold=consent, families=("contact",)
        ),
        Table(
            name="opportunity", columns=OPPORTUNITY, key="id", keys_of=subject_of("opportunity"),
            fold=opportunity, single_aggregate=True, families=("opportunity",),
        ),
        Table(
            name="service_case", columns=CASE, key="id", keys_of=subject_of("case"), fold=case,
            single_aggregate=True, families=("case",),
        ),
        Table(
            name="interaction", columns=INTERACTION, key="id", keys_of=subject_of("interaction"),
            fold=interaction, single_aggregate=True, families=("interaction",),
        ),
        Table(
            name="entry", columns=ENTRY, key="position", keys_of=under_position, fold=entry, write_once=True
        ),
    ),
    folder=Path(__file__).parent,
    views=("customer", "contact", "consent", "timeline", "customer_summary", "last_contact", "person"),
    closed_views=("person",),
    private=True,
    queries=Customers,
)  # fmt: skip
