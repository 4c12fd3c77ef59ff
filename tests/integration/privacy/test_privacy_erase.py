"""A person's rights: forgotten everywhere, refused where it must be, certified; what is known handed out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import psycopg2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.reads.links import links
from commands.audit.chain import CopyAway
from commands.privacy import holds
from commands.privacy.certificate import opened as opened_file
from commands.privacy.certificates import CertificateIssuer, NotClean, TooEarly
from commands.privacy.erasure import Erasures
from commands.privacy.kek import FileKek
from commands.privacy.keys import PostgresKeyStore
from commands.privacy.person import People
from commands.privacy.person_export import export
from commands.privacy.tombstones import Tombstones
from commands.store.contact_index import ContactIndex
from commands.store.event_reader import EventReader
from deploy.local.postgres import LocalPostgres
from deploy.wiring.persons import acting, read_side
from domain.events.catalogue import CATALOGUE
from domain.privacy.erasure import evolve
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.runtime.decode import Decoder
from projections.runtime.replay import Rows, fold_all
from tests.support.http import ALL_PROJECTIONS, KEY, Api, database, erasing, problem, running, served
from tests.support.persons import (
    EMAIL,
    ERASE,
    NAME,
    OTHER_NAME,
    PHONE,
    TEXT,
    Told,
    done,
    forgotten,
    reports,
    rows,
    somebody,
    totals,
    usd,
)


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "privacy_erase") as url, running(url) as served:
        yield served


@pytest.fixture
def person(api: Api) -> Told:
    told = somebody(api, uuid4().hex)
    api.catch_up(projections=ALL_PROJECTIONS)
    return told


def erase(api: Api, id: str, **given: str) -> Any:
    return api.change("customers", id, "erase", **ERASE | given)


def refolded(api: Api) -> Rows:
    """What a rebuild makes of the store, with the keys that there are now."""
    decoder = Decoder(CATALOGUE, api.cipher)

    def opened(event: dict[str, Any]) -> dict[str, Any]:
        decoder.open([event])
        return event

    with closing(EventReader(api.urls.worker)) as follower:
        stored = follower.read(0, follower.high_water_mark(), limit=10_000, max_bytes=1 << 26)
        return fold_all(CUSTOMER_360_V1, stored, CATALOGUE, opened)


def test_a_person_is_forgotten_by_store_keys_look_up_and_read_models(api: Api, person: Told) -> None:
    before, told_before = totals(api), reports(api)
    answer = erase(api, person.customer)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert person.members <= {*told["parties"], *told["keys_destroyed"]}

    api.cipher.forget()
    for collection, id in (
        ("customers", person.customer),
        ("contacts", person.contact),
        ("leads", person.lead),
    ):
        record = api.read(collection, id)
        assert record["name"] is None
        assert set(record["closed"].values()) == {"erased"}
    assert api.read("interactions", person.interaction)["closed"] == {"body": "erased"}

    api.catch_up(projections=ALL_PROJECTIONS)
    forgotten(api, person)
    assert totals(api) == before, "Counts and money stay."
    assert reports(api) == told_before, "So do the figures made of them."
    overview = api.client.get(f"/v1/customers/{person.customer}/overview").json()
    assert overview["profile"]["erased"] is True
    assert overview["profile"]["name"] is None

    rebuilt = refolded(api)
    for member in person.members:
        row = rebuilt["person"][member]
        assert (row["erased"], row["name"], row["points"]) == (True, None, []), (
            "A rebuild brings nothing back."
        )
    for table, count in (("interaction", "amount"), ("opportunity", "amount")):
        shown = rows(api, f"SELECT count(*), sum({count}) FROM customer_360_v1.{table}")
        amounts = [Decimal(row[count]) for row in rebuilt[table].values() if row[count] is not None]
        assert shown == [(len(rebuilt[table]), sum(amounts))]

    again = erase(api, person.customer, reason="objection")
    assert again.json()["erasure"] == told["erasure"], "Sent again it is answered as before."
    assert again.headers["idempotent-replayed"] == "true"


def test_no_command_touches_an_erased_person_who_may_come_back_as_a_new_one(api: Api, person: Told) -> None:
    assert erase(api, person.merged).status_code == 200, "Any member of the person names it."
    other = api.create("customers", kind="person", name="Somebody Else")
    for collection, id, verb, fields in (
        ("customers", person.customer, "change", {"add_tags": ["x"]}),
        ("customers", person.customer, "merge", {"survivor_id": other}),
        ("customers", other, "merge", {"survivor_id": person.customer}),
        ("customers", person.merged, "unmerge", {}),
        ("contacts", person.contact, "addPoint", {"kind": "email", "value": EMAIL}),
        ("leads", person.lead, "convert", {"pipeline": "sales"}),
    ):  # fmt: skip
        problem(api.change(collection, id, verb, **fields), 409, "erased")
    problem(
        api.client.post("/v1/contacts", json={"customer_id": person.customer, "name": NAME}), 409, "erased"
    )
    back = somebody(api, uuid4().hex)
    assert api.read("customers", back.customer)["name"] == NAME
    assert api.read("contacts", back.contact)["points"][0]["value"] == EMAIL


def test_what_another_system_sends_again_brings_nobody_back(api: Api) -> None:
    """Given an erased customer that another system knew, when that sends the row again, alone or among
    others, then it is refused, and nothing is recorded of the person; under another id it is a new one."""
    address = f"/v1/customers/by/erp/{uuid4()}"
    row = {"kind": "person", "name": NAME}
    first = api.client.put(address, json=row)
    assert first.status_code == 201, first.text
    api.catch_up(projections=ALL_PROJECTIONS)
    assert erase(api, first.json()["id"]).status_code == 200
    head = api.services.head()
    refused = problem(api.client.put(address, json=row | {"name": OTHER_NAME}), 409, "erased")
    assert NAME not in str(refused)
    sent = row | {"reference": {"source": "erp", "external_id": address.rsplit("/", 1)[1]}}
    (answer,) = api.client.post("/v1/customers:batchUpsert", json=[sent]).json()["results"]
    assert (answer["state"], api.services.head()) == ("failed", head), answer
    again = api.client.put(f"/v1/customers/by/erp/{uuid4()}", json=row)
    assert (again.status_code, again.json()["id"] != first.json()["id"]) == (201, True)


def test_money_goes_on_after_the_erasure(api: Api, person: Told) -> None:
    """What is not personal can still be put right."""
    erase(api, person.customer)
    done(api, "opportunities", person.opportunity, "reopen")
    done(api, "opportunities", person.opportunity, "changeAmount", amount=usd("100"))


def test_an_organisation_is_no_person_and_its_contacts_are(api: Api) -> None:
    firm = api.create("customers", kind="organisation", name="Quux & Sons")
    contact = api.create("contacts", customer_id=firm, name=NAME)
    problem(erase(api, firm), 422, "invalid")
    problem(erase(api, str(uuid4())), 404, "not-found")
    problem(erase(api, contact), 404, "not-found")
    api.catch_up(projections=ALL_PROJECTIONS)
    found = api.services.erasing.erase(
        "contact", UUID(contact), reason="objection", legal_basis="x", reference=None, context=acting(None)
    )
    assert found.persons == (UUID(contact),)
    assert api.read("customers", firm)["name"] == "Quux & Sons"


def test_while_identity_is_behind_nobody_is_erased(api: Api) -> None:
    """A lead that was converted a moment ago would be missed."""
    told = somebody(api, uuid4().hex)
    problem(erase(api, told.customer), 503, "identity-behind")
    assert api.read("customers", told.customer)["state"] == "active"


@pytest.mark.parametrize("what", ["party", "text"])
def test_a_legal_hold_forbids_it_until_it_is_released(api: Api, person: Told, what: str) -> None:
    crm, context = api.services.crm, acting("olga")
    placed = holds.place(
        crm, context, reference="LIT-7", legal_basis="litigation",
        party=UUID(person.lead) if what == "party" else None,
        kind="interaction-purchase" if what == "text" else None, month="2026-03" if what == "text" else None,
    )  # fmt: skip
    api.catch_up(projections=ALL_PROJECTIONS)
    refused = problem(erase(api, person.customer), 409, "legal-hold")
    assert (refused["hold"], refused["reference"]) == (str(placed.id), "LIT-7")
    assert holds.active(crm) == (placed,)
    assert api.read("customers", person.customer)["name"] == NAME
    holds.release(crm, context, placed.id)
    assert holds.active(crm) == ()
    api.catch_up(projections=ALL_PROJECTIONS)
    assert erase(api, person.customer).status_code == 200


def test_a_contact_registered_by_a_command_under_way_is_erased_too(api: Api, person: Told) -> None:
    """Given a command that read the customer before the erasure and records after it."""
    late: list[str] = []

    def meanwhile(at: str) -> None:
        if at == "recorded":
            id, born = UUID(person.contact), uuid4()
            first = api.services.crm.streams([id])[id][0]
            payload = replace(first.payload, name=NAME)
            api.services.crm.record([replace(first, originator_id=born, payload=payload)])
            late.append(str(born))

    erasing_now = another(api)
    erasing_now.failpoint = meanwhile
    found = erasing_now.erase(
        "customer", UUID(person.customer), reason="objection", legal_basis="x", reference=None,
        context=acting(None),
    )  # fmt: skip
    assert UUID(late[0]) in found.persons
    assert api.read("contacts", late[0])["closed"] == {"name": "erased"}


def test_keys_that_come_back_are_destroyed_again(api: Api, person: Told) -> None:
    """Given keys restored from before the erasure, when erasures are applied again, then they are gone."""
    saved = rows(api, "SELECT person, wrapped, kek FROM keys.person_key WHERE person = %s", person.customer)
    erase(api, person.customer)
    with closing(psycopg2.connect(api.urls.admin)) as admin, admin, admin.cursor() as cursor:
        cursor.execute("ALTER TABLE keys.person_key DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM keys.person_key WHERE person = %s", (person.customer,))
        cursor.execute("INSERT INTO keys.person_key (person, wrapped, kek) VALUES (%s, %s, %s)", saved[0])
        cursor.execute("INSERT INTO store.contact_index VALUES ('\\x00', %s)", (person.contact,))
        cursor.execute("ALTER TABLE keys.person_key ENABLE TRIGGER USER")
    assert another(api).again() == [UUID(person.customer)]
    assert another(api).again() == []
    api.catch_up(projections=ALL_PROJECTIONS)
    forgotten(api, person)


def test_while_erasures_may_not_be_applied_nothing_personal_is_given(api: Api, person: Told) -> None:
    """As after a restore; what is not personal goes on, in the same answers too."""
    firm = api.create("customers", kind="organisation", name="Quux & Sons")
    api.catch_up(projections=ALL_PROJECTIONS)
    why, settled = ["It was restored."], [True]
    with served(
        replace(api.services, withheld=lambda: why, erasures_enforced=lambda: bool(settled))
    ) as address:
        client = httpx.Client(base_url=address, headers=api.client.headers, timeout=20)
        with client:
            for path in (
                f"customers/{person.customer}", f"customers/{person.customer}/overview",
                f"leads/{person.lead}", f"interactions/{person.interaction}",
                "customers:search?text=Zerlina", f"customers/{person.customer}/export",
                f"audit/leads/{person.lead}/state?open=true",
            ):  # fmt: skip
                answer = client.get(f"/v1/{path}")
                refused = problem(answer, 503, "unavailable")
                assert refused["detail"] == "The response holds personal data. It was restored."
                assert answer.headers["retry-after"]
            assert client.get(f"/v1/customers/{firm}").status_code == 200
            assert client.get(f"/v1/opportunities/{person.opportunity}").status_code == 200
            why.clear()
            settled.clear()
            read_before = client.get(f"/v1/customers/{person.customer}")
            assert "Repeat the request." in problem(read_before, 503, "unavailable")["detail"]
            settled.append(True)
            assert client.get(f"/v1/customers/{person.customer}").json()["name"] == NAME


def test_a_certificate_says_what_was_looked_at_and_is_known_again(api: Api, person: Told) -> None:
    """Given an erasure, when key caches have run out and the read models have caught up, then it is
    certified; and not before, nor while anything is left."""
    crm, seal_key = api.services.crm, Ed25519PrivateKey.generate()
    other = api.create("customers", kind="person", name="Somebody Else")
    shared = api.create(
        "interactions", kind="meeting", channel="room", body="Both were there.", customer_id=other,
        participants=[other, person.contact], at="2026-03-02T10:00:00Z",
        reference={"source": uuid4().hex, "external_id": "1"},
    )  # fmt: skip
    api.catch_up(projections=ALL_PROJECTIONS)
    id = UUID(erase(api, person.customer).json()["erasure"])

    def certifying(cache_seconds: float = 0, topics: Any = None) -> CertificateIssuer:
        store, read = crm.pool, api.services.read_pool
        keys = PostgresKeyStore(api.urls.app, FileKek(KEY))
        return CertificateIssuer(
            crm, People(crm, links(read, wait=0)), keys, Tombstones(store), ContactIndex(store),
            read_side(read), seal_key, topics=topics, cache_seconds=cache_seconds,
        )  # fmt: skip

    with pytest.raises(TooEarly, match="may remember a destroyed key"):
        certifying(60).issue(id, acting("olga"))
    with pytest.raises(TooEarly, match="have not passed position"):
        certifying().issue(id, acting("olga"))
    api.catch_up(projections=ALL_PROJECTIONS)
    with closing(psycopg2.connect(api.urls.admin)) as admin, admin, admin.cursor() as cursor:
        cursor.execute("INSERT INTO store.contact_index VALUES ('\\x01', %s)", (person.contact,))
        cursor.execute("UPDATE customer_360_v1.person SET name = %s WHERE id = %s", (NAME, person.lead))
    with pytest.raises(NotClean) as refused:
        certifying().issue(id, acting("olga"))
    unclean = {each.place for each in refused.value.places if not each.clean}
    assert unclean == {"contact index", "read model customer_360 v1"}
    with closing(psycopg2.connect(api.urls.admin)) as admin, admin, admin.cursor() as cursor:
        cursor.execute("UPDATE customer_360_v1.person SET name = NULL WHERE id = %s", (person.lead,))
    another(api).finish(id, acting(None))
    with pytest.raises(TooEarly, match="So it is not known what the topics hold"):
        certifying(topics=Away()).issue(id, acting("olga"))

    issued = certifying().issue(id, acting("olga"), backups_until=date(2027, 1, 1))
    said, public = opened_file(issued.file)
    assert public.public_bytes_raw() == seal_key.public_key().public_bytes_raw()
    assert said["erasure"] == str(id)
    assert person.members <= {*said["parties"], *(each["person"] for each in said["keys_destroyed"])}
    assert {each["place"] for each in said["places"]} >= {
        "keys", "event store", "contact index", "idempotency rows",
        "read model customer_360 v1", "read model identity v1", "read model pipeline v1",
    }  # fmt: skip
    assert said["closed_texts"] == [f"{shared}:1"]
    assert [each["until"] for each in said["not_checked"] if "of the key store" in each["place"]] == [
        "2027-01-01"
    ]
    assert said["not_checked"][0]["place"].startswith("topics;"), "They were not asked."
    state = crm.load("erasure", evolve, id)
    assert (state.state, state.certificates) == ("certified", (issued.sha256,))


def test_everything_that_is_known_of_a_person_is_handed_out_and_nothing_of_others(
    api: Api, person: Told
) -> None:
    crm, people = api.services.crm, People(api.services.crm, links(api.services.read_pool, wait=0))
    api.create("customers", kind="person", name="Somebody Else")
    case = api.create("cases", kind="complaint", customer_id=person.customer, subject=TEXT)
    (point, _) = api.read("contacts", person.contact)["points"]
    consent = {"point_id": point["id"], "purpose": "newsletter", "legal_basis": "consent", "source": "form"}
    done(api, "contacts", person.contact, "giveConsent", **consent, double_opt_in=True)
    api.catch_up(projections=ALL_PROJECTIONS)
    found = export(crm, people, "lead", UUID(person.lead), acting("olga"))
    with zipfile.ZipFile(io.BytesIO(found.as_zip())) as file:
        machine, page = orjson.loads(file.read("person.json")), file.read("person.html").decode()
    sections = machine["sections"]
    # A record type of which the person has none has an empty section.
    assert {name: [each["id"] for each in records] for name, records in sections.items() if records} == {
        "profile": [person.merged, person.customer], "leads": [person.lead], "contacts": [person.contact],
        "interactions": [person.interaction], "opportunities": [person.opportunity], "cases": [case],
    }  # fmt: skip
    assert sections["profile"][1]["now"]["name"] == NAME
    (call,) = sections["interactions"]
    assert call["history"][0]["what"]["body"] == TEXT
    known = sections["contacts"][0]["now"]
    assert [each["value"] for each in known["points"].values()] == [EMAIL, PHONE]
    assert {each["source"] for each in known["consents"].values()} == {"form"}
    assert sections["contacts"][0]["history"][-1]["what"]["purpose"] == "newsletter"
    assert sections["cases"][0]["now"]["subject"] == TEXT
    for value in (NAME, OTHER_NAME, EMAIL, TEXT, "newsletter"):
        assert value in page
    assert "Somebody Else" not in page
    (recorded,) = rows(
        api, "SELECT convert_from(event, 'UTF8')::jsonb -> 'data' FROM store.event"
        " WHERE type = 'crm.privacy.person_exported' ORDER BY position DESC LIMIT 1",
    )  # fmt: skip
    assert recorded[0] == {
        "party": person.lead,
        "sections": ["profile", "leads", "contacts", "interactions", "opportunities", "cases"],
    }


class Away:
    """Topics that do not answer."""

    def head(self) -> None:
        raise CopyAway("Kafka is away.")

    def keyed(self, _keys: Any, _first: int) -> Any:
        raise CopyAway("Kafka is away.")


def another(api: Api) -> Erasures:
    """As another process has it."""
    return erasing(api.services.crm, api.cipher, api.services.crm.pool, api.services.read_pool)
