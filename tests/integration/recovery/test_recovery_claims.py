"""External ids that were added later: claims made of the events again, and claims of events set aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast
from uuid import UUID

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from consumers.recovery import set_aside as recovery_aside
from consumers.recovery.derived import Derivation
from domain.customers.customer.commands import AddReference, ChangeCustomer, RegisterCustomer
from domain.kernel.values import Reference
from domain.sales.lead.commands import CreateLead
from tests.support.at_once import bus
from tests.support.database import migrated

ERP, SHOP, WEB = (Reference(source=source, external_id="1") for source in ("erp", "shop", "web"))
ALL = "SELECT source, external_id, id FROM store.claim ORDER BY 1"


@pytest.fixture
def store(fresh_database: str) -> Iterator[tuple[Connection, UUID, UUID]]:
    """A customer with an external id of its registration and one added later, and a lead with its own."""
    urls = migrated(fresh_database)
    with bus(urls.app) as desk:
        firm = desk.do(RegisterCustomer(kind="organisation", name="Isdom", reference=ERP)).id
        desk.do(ChangeCustomer(id=firm, name="Isdom AS"))
        desk.do(AddReference(id=firm, reference=SHOP))
        lead = desk.do(CreateLead(company="Bubba", reference=WEB)).id
    with closing(psycopg2.connect(urls.admin)) as connection:
        yield connection, firm, lead


def asked(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_claims_are_derived_of_births_and_of_references_added_later(
    store: tuple[Connection, UUID, UUID],
) -> None:
    connection, firm, lead = store
    nobody = cast("Any", None)
    with connection, connection.cursor() as cursor:
        before = asked(connection, ALL)
        cursor.execute("CREATE TEMPORARY TABLE missing ON COMMIT DROP AS SELECT * FROM store.event")
        Derivation(cursor, nobody, nobody, nobody).claims()
        found = asked(connection, "SELECT source, external_id, id FROM back_claim ORDER BY 1")
    assert found == before
    assert [(source, str(id)) for source, _, id in found] == [
        ("erp", str(firm)), ("shop", str(firm)), ("web", str(lead))
    ]  # fmt: skip


def test_of_a_reference_set_aside_the_claim_goes_and_the_customers_others_stay(
    store: tuple[Connection, UUID, UUID],
) -> None:
    connection, _, _ = store
    with connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "CREATE TEMPORARY TABLE aside ON COMMIT DROP AS SELECT position, aggregate_id, version"
            " FROM store.event WHERE type IN ('crm.customer.reference_added', 'crm.lead.created')"
        )
        recovery_aside.remove(cursor)
        assert [source for source, _, _ in asked(connection, ALL)] == ["erp"]
