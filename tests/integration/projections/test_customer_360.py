"""One customer's story in `customer_360`, with the real keys: what is shown, found, cut, and erased."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from commands.privacy.cipher import AesGcmCipher
from commands.privacy.keys import FileKek, PostgresKeyStore
from commands.store.event_reader import StoredRow
from domain.activities.interaction import events as interaction
from domain.customers.contact import events as contact
from domain.customers.customer import events as customer
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import encode
from domain.events.event import SYSTEM, Event
from domain.kernel.values import FieldChange, Reference
from projections.customer_360.questions import Listed, TimelinePage
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.customer_360.v1.queries import SQL, Customers
from projections.identity.v1.projection import IDENTITY_V1
from projections.identity.v1.queries import Identity
from projections.release.schema import install
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder
from tests.support.database import PARTITIONS, migrated
from tests.support.histories import START, usd
from tests.support.read_side import apply_rows, clear

ADA, FIRM, POINT = UUID(int=101), UUID(int=102), UUID(int=501)
CONTACT = UUID(int=201)


class Story:
    """Events under real keys, applied to the read models as a worker does."""

    def __init__(self, url: str) -> None:
        self.urls = migrated(url, read_side=lambda at: install(at, partitions=PARTITIONS))
        self.keys = PostgresKeyStore(self.urls.app, FileKek(bytes(32)))
        self.cipher = AesGcmCipher(self.keys)
        self.connection: Connection = psycopg2.connect(url)
        self.rows: list[StoredRow] = []
        self.versions: dict[UUID, int] = {}

    def tell(self, id: UUID, payload: Any, *, party: UUID | None = None, day: int = 0) -> None:
        """The aggregate's next event, on a day of January."""
        version = self.versions[id] = self.versions.get(id, 0) + 1
        event = Event(
            originator_id=id, originator_version=version, party=party or id,
            time=START + timedelta(days=day), recorded=START + timedelta(days=20 + len(self.rows)),
            correlation=UUID(int=1), cause=None, actor=SYSTEM, payload=payload,
        )  # fmt: skip
        name = CATALOGUE.of(payload).name
        encoded = encode(event, CATALOGUE, self.cipher)
        self.rows.append(StoredRow(len(self.rows) + 1, id, version, name, event.party, encoded))

    def show(self) -> Customers:
        """The read models after all of it, from nothing, with a key cache that knows nothing."""
        self.cipher.forget()
        for projection in (IDENTITY_V1, CUSTOMER_360_V1):
            clear(self.connection, projection)
            applier = Applier(projection, Decoder(CATALOGUE, self.cipher))
            apply_rows(self.connection, projection, self.rows, applier=applier)
        return Customers(self.connection, Identity(self.connection))

    def call(self, number: int, *, day: int, party: UUID = ADA, **given: Any) -> None:
        """An interaction of that party."""
        fields: dict[str, Any] = {
            "kind": "call", "direction": "inbound", "channel": "phone", "customer_id": party,
            "reference": Reference(source="desk", external_id=str(number)), "source_digest": "00" * 32,
            "imported": False,
        } | given  # fmt: skip
        self.tell(UUID(int=3000 + number), interaction.Recorded(**fields), party=party, day=day)

    def close(self) -> None:
        """Closes all connections."""
        self.connection.close()
        self.keys.close()


@pytest.fixture
def story(fresh_database: str) -> Iterator[Story]:
    """Ada, a person with a contact, and a firm."""
    with closing(Story(fresh_database)) as told:
        shop = (Reference(source="shop", external_id="0042"),)
        told.tell(
            ADA,
            customer.Registered(
                kind="person", name="Ada Løvelace", attributes={}, original={}, references=shop
            ),
        )
        told.tell(
            FIRM,
            customer.Registered(
                kind="organisation", organisation_name="GTX Größe", attributes={}, original={}
            ),
        )
        told.tell(CONTACT, contact.Registered(customer_id=ADA, name="Bob Lovejoy", role="son"), party=ADA)
        told.tell(
            CONTACT,
            contact.PointAdded(point_id=POINT, kind="email", value="bob@example.com"),
            party=ADA,
            day=1,
        )
        told.tell(
            CONTACT,
            contact.ConsentGiven(
                point_id=POINT, purpose="news", legal_basis="consent", source="web", double_opt_in=True
            ),
            party=ADA,
            day=2,
        )
        yield told


def test_the_overview_shows_clear_names_points_and_consents(story: Story) -> None:
    overview = story.show().overview(ADA, ["profile", "contacts", "consents"])
    assert overview is not None
    profile, contacts, consents = (overview.sections[s] for s in ("profile", "contacts", "consents"))
    assert isinstance(profile, dict)
    assert isinstance(contacts, Listed)
    assert isinstance(consents, Listed)
    assert (profile["name"], profile["kind"], profile["merged"]) == ("Ada Løvelace", "person", [])
    assert (contacts.count, contacts.items[0]["name"]) == (1, "Bob Lovejoy")
    assert contacts.items[0]["points"] == [
        {"point_id": str(POINT), "kind": "email", "value": "bob@example.com"}
    ]
    assert [(row["purpose"], row["is_active"]) for row in consents.items] == [("news", True)]


def test_preferences_stand_in_the_profile_and_last_in_the_public_view(story: Story) -> None:
    """Given preferences of a registration and a change of them; those of version 1 had none."""
    id, known = UUID(int=103), {"language": "de", "channel": "phone"}
    story.tell(
        id,
        customer.Registered(kind="person", name="Cy", attributes={}, original={}, preferences=known),
    )
    changes = (
        FieldChange(field="preferences.language", old="de", new="en"),
        FieldChange(field="preferences.channel", old="phone"),
    )
    story.tell(id, customer.ProfileChanged(changes=changes), day=1)
    customers = story.show()
    overview = customers.overview(id, ["profile", "timeline"])
    assert overview is not None
    profile, timeline = overview.sections["profile"], overview.sections["timeline"]
    assert isinstance(profile, dict)
    assert isinstance(timeline, TimelinePage)
    assert profile["preferences"] == {"language": "en"}
    assert timeline.rows[0]["title"] == "Profile changed: language, channel"
    with story.connection.cursor() as c:
        c.execute("SELECT * FROM read.customer WHERE id = %s", (str(id),))
        row = c.fetchone()
        assert row is not None
        assert c.description is not None
        assert (c.description[-1].name, row[-1]) == ("preferences", {"language": "en"})
    ada = customers.get(ADA)
    assert ada is not None
    assert ada["preferences"] == {}


def test_a_consent_ends_with_its_point(story: Story) -> None:
    story.tell(CONTACT, contact.PointRemoved(point_id=POINT), party=ADA, day=3)
    overview = story.show().overview(ADA, ["contacts", "consents"])
    assert overview is not None
    contacts, consents = overview.sections["contacts"], overview.sections["consents"]
    assert isinstance(contacts, Listed)
    assert isinstance(consents, Listed)
    assert contacts.items[0]["points"] == []
    assert [row["is_active"] for row in consents.items] == [False]


def test_an_unknown_customer_has_no_overview_and_an_empty_timeline(story: Story) -> None:
    customers = story.show()
    assert customers.overview(UUID(int=9)) is None
    assert customers.timeline(UUID(int=9)) == TimelinePage([], None)


def test_a_destroyed_key_shows_nothing_any_more_and_holds_nothing(story: Story) -> None:
    """As a rebuild after an erasure meets it: counts stay, words go, no event is parked."""
    story.keys.destroy(CONTACT)
    customers = story.show()
    overview = customers.overview(ADA, ["contacts"])
    assert overview is not None
    listed = overview.sections["contacts"]
    assert isinstance(listed, Listed)
    assert (listed.count, listed.items[0]["name"], listed.items[0]["erased"]) == (1, None, True)
    assert [point.get("value") for point in listed.items[0]["points"]] == [None]
    assert customers.search("lovejoy").rows == []
    with story.connection.cursor() as c:
        c.execute("SELECT count(*) FROM control.held")
        assert c.fetchone() == (0,)


def test_a_key_that_is_not_there_holds_the_person_and_no_other(story: Story) -> None:
    with closing(psycopg2.connect(story.urls.admin)) as admin, admin, admin.cursor() as c:
        # A key is never deleted; a restored key store may lack one.
        c.execute("SET session_replication_role = replica")
        c.execute("DELETE FROM keys.person_key WHERE person = %s", (str(CONTACT),))
    customers = story.show()
    with story.connection.cursor() as c:
        c.execute("SELECT category, count(*) FROM control.held GROUP BY 1")
        assert c.fetchall() == [("key_missing", 3)]
    profile = customers.get(ADA)
    assert profile is not None
    assert profile["name"] == "Ada Løvelace"


SEARCHES = {
    "LOVE": ["Bob Lovejoy"],
    "love bob": ["Bob Lovejoy"],
    "grosse": ["GTX Größe"],
    "GROẞ": ["GTX Größe"],
    "gtx-": ["GTX Größe"],
    "0042": ["Ada Løvelace"],
    "042": [],
    "ada x": [],
    "ovejoy": [],
    "' | 'bob": ["Bob Lovejoy"],
    "": [],
    "%": [],
}


def test_search_finds_by_beginnings_of_words_and_by_reference(story: Story) -> None:
    customers = story.show()
    for text, found in SEARCHES.items():
        assert [row["name"] for row in customers.search(text).rows] == found, text


def test_a_search_is_read_page_by_page(story: Story) -> None:
    for number in range(7):
        id = UUID(int=800 + number)
        name = f"Page {number % 3}"
        story.tell(id, customer.Registered(kind="person", name=name, attributes={}, original={}))
    customers, names, after = story.show(), [], None
    while True:
        found = customers.search("page", limit=2, after=after)
        names += [row["name"] for row in found.rows]
        after = found.after
        if after is None:
            break
    assert names == ["Page 0"] * 3 + ["Page 1"] * 2 + ["Page 2"] * 2


def test_a_customer_is_found_by_its_external_id(story: Story) -> None:
    customers = story.show()
    found = customers.by_reference("shop", "0042")
    assert found is not None
    assert found["id"] == ADA
    assert customers.by_reference("shop", "42") is None
    assert customers.by_reference("crm", "0042") is None


def test_a_customer_is_found_by_an_external_id_that_was_added(story: Story) -> None:
    story.tell(FIRM, customer.ReferenceAdded(reference=Reference(source="erp", external_id="G-7")), day=3)
    customers = story.show()
    found = customers.by_reference("erp", "G-7")
    assert found is not None
    assert found["id"] == FIRM
    assert [(row["id"], row["by_reference"]) for row in customers.search("G-7").rows] == [(FIRM, True)]
    newest = customers.timeline(FIRM).rows[0]
    assert (newest["title"], newest["changes"]) == (
        "Known to erp, too", [{"field": "reference", "new": "erp G-7"}]
    )  # fmt: skip


def test_the_timeline_is_cut_by_kind_channel_period_and_time(story: Story) -> None:
    story.call(1, day=3)
    story.call(2, day=5, kind="purchase", channel="web", amount=usd(30))
    story.call(3, day=7, channel="mobile")
    customers = story.show()

    def titles(**cut: Any) -> list[str]:
        return [row["title"] for row in customers.timeline(ADA, **cut).rows]

    day = [START + timedelta(days=n) for n in range(40)]
    assert titles()[:3] == ["Inbound call", "Inbound purchase, 30 USD", "Inbound call"]
    assert titles(kind="purchase") == ["Inbound purchase, 30 USD"]
    assert titles(channel="phone") == ["Inbound call"]
    assert len(titles(kind="call")) == 2
    assert titles(from_=day[3], to=day[7]) == ["Inbound purchase, 30 USD", "Inbound call"]
    assert titles(as_of=day[2])[0] == "Consent given: news"
    assert titles(known_at=day[22]) == ["Contact registered", "Customer registered"]
    assert titles(as_of=START - timedelta(days=1)) == []


def test_a_correction_counts_once_in_the_totals_and_stands_in_the_timeline(story: Story) -> None:
    story.call(1, day=3, kind="purchase", amount=usd(30))
    corrected = interaction.Corrected(
        kind="purchase",
        amount_before=usd(30),
        amount=usd(20),
        changes=(FieldChange(field="channel", new="web"),),
    )
    story.tell(UUID(int=3001), corrected, party=ADA, day=4)
    overview = story.show().overview(ADA, ["totals", "timeline"])
    assert overview is not None
    totals: Any = overview.sections["totals"]
    page = overview.sections["timeline"]
    assert isinstance(page, TimelinePage)
    assert (totals.purchases, totals.purchase_value, list(totals.last_contact)) == (1, 20, ["web"])
    assert page.rows[0]["title"] == "Purchase corrected: channel, amount"
    assert page.rows[0]["changes"][1] == {"field": "amount", "old": "30 USD", "new": "20 USD"}


TIMELINE = SQL / "timeline.sql"
FILL = """
    INSERT INTO customer_360_v1.entry
    SELECT 1000000 + n, ('00000000-0000-0000-0000-0000000000' || (10 + n % 6))::uuid, gen_random_uuid(), 1,
           'crm.interaction.recorded', CASE WHEN n % 5000 = 0 THEN 'visit' ELSE 'call' END,
           '2026-01-01Z'::timestamptz + n * interval '1 minute',
           '2026-01-01Z'::timestamptz + n * interval '1 minute',
           'Inbound call', 'phone', gen_random_uuid(), 'user', NULL, '[]', false
    FROM generate_series(1, 100000) AS n;
    INSERT INTO identity_v1.link
    SELECT ('00000000-0000-0000-0000-0000000000' || n)::uuid, 'customer',
           CASE WHEN n > 10 THEN '00000000-0000-0000-0000-000000000010'::uuid END, '2026-01-01Z', 1, 1, now()
    FROM generate_series(10, 15) AS n;
    INSERT INTO identity_v1.link_version SELECT * FROM identity_v1.link;
    ANALYZE customer_360_v1.entry; ANALYZE identity_v1.link
"""


def test_a_page_of_100_000_entries_is_read_by_index(story: Story) -> None:
    """Five merged members, a rare kind, an earlier time, a page in the middle: none reads the whole."""
    with story.connection.cursor() as c:
        c.execute(FILL)
    story.connection.commit()
    customers = Customers(story.connection, Identity(story.connection))
    member = UUID("00000000-0000-0000-0000-000000000010")
    middle = (START + timedelta(minutes=50_000)).isoformat(), "1050000"
    cuts: list[dict[str, Any]] = [
        {}, {"kind": "visit"}, {"as_of": START + timedelta(minutes=30_000)}, {"after": middle},
    ]  # fmt: skip
    nothing = dict.fromkeys(("kind", "channel", "start", "end", "as_of", "known_at"))
    place = {"after_time": None, "after_position": None, "limit": 51}
    cluster = Identity(story.connection).cluster(member).parameters()
    for cut in cuts:
        assert len(customers.timeline(member, limit=50, **cut).rows) == (20 if "kind" in cut else 50)
        after = cut.get("after")
        told = {"after_time": after[0], "after_position": after[1]} if after else {}
        asked = nothing | place | cluster | {k: v for k, v in cut.items() if k != "after"} | told
        with story.connection.cursor() as c:
            c.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + TIMELINE.read_text(), asked)
            ((plan,),) = c.fetchall()[0]
        assert "Seq Scan" not in str(plan), plan
        # The whole history is some 3,000 pages and 100,000 rows; a page of it, a few rows of each member.
        assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 700, (cut, plan)
