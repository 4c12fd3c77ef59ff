"""Which families join a customer's read models, and which of their events say whose a record is."""

from __future__ import annotations

from domain.events.catalogue import CATALOGUE
from domain.record_types import BUSINESS
from projections import record_families
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.identity.v1.fold import own_party, within_another
from projections.identity.v1.projection import IDENTITY_V1


def test_every_event_named_is_one_that_there_is() -> None:
    known = {kind.name for kind in CATALOGUE.types}
    named = {*record_families.first_events().values(), *record_families.link_members()}
    assert named | record_families.given_events() <= known


def test_every_family_of_a_customer_has_its_timeline_and_those_with_a_party_their_links() -> None:
    families = record_families.customer_families()
    assert CUSTOMER_360_V1.families == families
    within = {each.family for each in BUSINESS if each.always_in_customers_party}
    assert "contact" in within
    assert set(IDENTITY_V1.families) == {name for name in families if name not in within}
    first = {record_families.first_events()[family] for family in IDENTITY_V1.families}
    assert first <= record_families.link_members().keys()


def test_what_begins_or_moves_writes_the_row_of_its_own_party_or_its_own() -> None:
    alone = {"subject": "a", "partitionkey": "a"}
    inside = {"subject": "a", "partitionkey": "b"}
    for kind in record_families.first_events().values():
        linked = kind in record_families.link_members()
        assert own_party(alone | {"type": kind}) == (("a",) if linked else ())
        assert own_party(inside | {"type": kind}) == within_another(inside | {"type": kind}) == ()
    for kind in record_families.given_events():
        assert within_another(inside | {"type": kind}) == ("a",)
        assert within_another(alone | {"type": kind}) == ()
