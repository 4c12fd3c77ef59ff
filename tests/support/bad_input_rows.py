"""Rows of the table of bad input: what commands refuse over HTTP, and what files the imports refuse."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson

from tests.support.bad_input import Answer, Case, World
from tests.support.import_runs import cdnow_lines, incident_lines

ALL = "all, unchanged"
CASE = {"kind": "complaint"}
CONTACT = {"name": "Bob"}
COMPANY = {"kind": "organisation", "name": "Acme"}
LEAD = {"name": "Ann"}
PERSON = {"kind": "person", "name": "Ann"}


def call(**fields: Any) -> dict[str, Any]:
    """A phone call under an external id of its own."""
    return {
        "kind": "call",
        "channel": "phone",
        "reference": {"source": "bad", "external_id": str(uuid4())},
    } | fields


def made(here: World, collection: str, **fields: Any) -> str:
    """A record for the row; its id."""
    status, text = here.post(f"/v1/{collection}", **fields)
    assert status == 201, text
    id: str = orjson.loads(text)["id"]
    return id


def on_new(
    collection: str, verb: str, *before: tuple[str, dict[str, Any]], given: dict[str, Any], **fields: Any
) -> Callable[[World], Answer]:
    """A change to a new record, which went through some others before."""

    def act(here: World) -> Answer:
        id = made(here, collection, **given)
        for version, (step, body) in enumerate(before, start=1):
            status, text = here.post(f"/v1/{collection}/{id}:{step}", version, **body)
            assert status == 200, text
        return here.post(f"/v1/{collection}/{id}:{verb}", len(before) + 1, **fields)

    return act


def sent(collection: str, **fields: Any) -> Callable[[World], Answer]:
    """A command that makes a record."""
    return lambda here: here.post(f"/v1/{collection}", **fields)


def many(path: str, *items: Any) -> Callable[[World], Answer]:
    """A request with several items."""

    def act(here: World) -> Answer:
        answer = here.client.post(path, json=list(items))
        return answer.status_code, answer.text

    return act


def other_content(here: World) -> Answer:
    first = call()
    made(here, "interactions", **first)
    return here.post("/v1/interactions", **first | {"channel": "web"})


def merged_into_a_person(here: World) -> Answer:
    person, company = made(here, "customers", **PERSON), made(here, "customers", **COMPANY)
    return here.post(f"/v1/customers/{company}:merge", 1, survivor_id=person)


def upsert_of_another_kind(here: World) -> Answer:
    path = f"/v1/customers/by/bad/{uuid4()}"
    assert here.client.put(path, json=COMPANY).status_code == 201
    answer = here.client.put(path, json=PERSON)
    return answer.status_code, answer.text


def contact_point(verb: str, **fields: Any) -> Callable[[World], Answer]:
    """A change to a contact that has no contact point yet."""

    def act(here: World) -> Answer:
        contact = made(here, "contacts", customer_id=made(here, "customers", **COMPANY), **CONTACT)
        return here.post(f"/v1/contacts/{contact}:{verb}", 1, **fields)

    return act


def never_given(here: World) -> Answer:
    contact = made(here, "contacts", customer_id=made(here, "customers", **COMPANY), **CONTACT)
    here.post(f"/v1/contacts/{contact}:addPoint", 1, kind="email", value="bob@example.org")
    (point,) = here.client.get(f"/v1/contacts/{contact}").json()["points"]
    body: dict[str, Any] = CONSENT | {"point_id": point["id"]}
    return here.post(f"/v1/contacts/{contact}:withdrawConsent", 2, **body)


def person_with_a_parent(here: World) -> Answer:
    company = made(here, "customers", **COMPANY)
    return here.post("/v1/customers", kind="person", name="Ann", parent_id=company)


CONSENT = {"point_id": str(uuid4()), "purpose": "news", "source": "form"}


def row(
    given: str, act: Callable[[World], Answer], answer: int, sentence: str, kept: str, added: int = 0
) -> Case:
    """A row of the table."""
    return Case(given=given, act=act, answer=answer, sentence=sentence, kept=kept, added=added)


COMMANDS = (
    row(
        "an interaction of an unknown kind",
        sent("interactions", **call(kind="telepathy")),
        422,
        "body.kind: ",
        ALL,
    ),
    row(
        "a call with an amount",
        sent("interactions", **call(amount={"amount": "1", "currency": "USD"})),
        422,
        "An interaction of the kind call has no amount. Leave it out, or name a purchase.",
        ALL,
    ),
    row(
        "an interaction with a customer that is not there",
        sent("interactions", **call(customer_id=str(uuid4()))),
        404,
        "There is no customer with the id",
        ALL,
    ),
    row(
        "another interaction under the same external id",
        other_content,
        409,
        "Correct that one",
        "the first",
        1,
    ),
    row(
        "a bad item among the interactions of a batch",
        many("/v1/interactions:batch", call(), call(kind="sms", duration_seconds=-1), call()),
        200,
        "duration_seconds",
        "the other items",
        2,
    ),
    row(
        "a bad item in a batch that is all or nothing",
        many("/v1/interactions:batch?mode=atomic", call(), call(customer_id=str(uuid4()))),
        422,
        "There is no customer with the id",
        ALL,
    ),
    row(
        "a batch that is no list",
        lambda here: here.post("/v1/interactions:batch", kind="call"),
        400,
        "malformed",
        ALL,
    ),
    row(
        "a customer without a name",
        sent("customers", kind="person", name=" "),
        422,
        "The name is empty. Give one.",
        ALL,
    ),
    row(
        "a person with a parent organisation",
        person_with_a_parent,
        422,
        "A person has no parent organisation. Leave parent_id out.",
        "the company",
        1,
    ),
    row(
        "a company merged into a person",
        merged_into_a_person,
        422,
        "cannot be merged into a person. Name two of a kind.",
        "both customers",
        2,
    ),
    row(
        "an unmerge of what is not merged",
        on_new("customers", "unmerge", given=COMPANY),
        422,
        "is not merged into another. There is nothing to take back.",
        "the customer",
        1,
    ),
    row("an upsert of a company as a person", upsert_of_another_kind, 422, "organisation", "the company", 1),
    row(
        "an upsert of many with one that is nobody",
        many("/v1/customers:batchUpsert", {"kind": "organisation", "name": "X"}),
        200,
        "reference: field required",
        ALL,
    ),
    row(
        "a lead of whom nothing is known",
        sent("leads", campaign="fair"),
        422,
        "The lead has no name, company, email or phone. Give at least one of them.",
        ALL,
    ),
    row(
        "an unknown reason for a disqualification",
        on_new("leads", "disqualify", given=LEAD, reason="rain"),
        422,
        "There is no reason 'rain'",
        "the lead",
        1,
    ),
    row(
        "a score above 100",
        on_new("leads", "score", given=LEAD, score=101, model="fit"),
        422,
        "body.score",
        "the lead",
        1,
    ),
    row(
        "a lead converted before it is qualified",
        on_new("leads", "convert", given=LEAD, pipeline="sales"),
        409,
        "The lead is new; it cannot be converted.",
        "the lead",
        1,
    ),
    row(
        "a conversion into an unknown pipeline",
        on_new(
            "leads",
            "convert",
            ("move", {"to_state": "working"}),
            ("move", {"to_state": "qualified"}),
            given=LEAD,
            pipeline="nowhere",
        ),
        422,
        "nowhere",
        "the lead, qualified",
        3,
    ),
    row(
        "a contact of no customer",
        sent("contacts", customer_id=str(uuid4()), **CONTACT),
        404,
        "There is no customer with the id",
        ALL,
    ),
    row(
        "an email that is none",
        contact_point("addPoint", kind="email", value="ann at example"),
        422,
        "email",
        "the contact",
        2,
    ),
    row(
        "a consent for a contact point that is not there",
        contact_point("giveConsent", legal_basis="consent", **CONSENT),
        422,
        "The contact has no contact point with the id",
        "the contact",
        2,
    ),
    row(
        "a consent withdrawn that was never given",
        never_given,
        409,
        "The consent is not given; it cannot be withdrawn.",
        "the contact",
        3,
    ),
    row("a case of priority 5", sent("cases", **CASE, priority=5), 422, "body.priority", ALL),
    row(
        "a case closed before it is resolved",
        on_new("cases", "close", given=CASE),
        409,
        "The case is new; it cannot be closed.",
        "the case",
        1,
    ),
    row(
        "a case moved where no way leads",
        on_new("cases", "move", ("resolve", {}), given=CASE, to_state="assigned"),
        409,
        "The case is resolved",
        "the case, resolved",
        2,
    ),
    row(
        "an unknown reason for a rejection",
        on_new("cases", "reject", given=CASE, reason="rain"),
        422,
        "There is no reason 'rain'",
        "the case",
        1,
    ),
    row(
        "a duplicate of a case that is not there",
        on_new("cases", "markDuplicate", given=CASE, of=str(uuid4())),
        404,
        "There is no case with the id",
        "the case",
        1,
    ),
)


def content(verb: str, name: str, raw: bytes) -> Callable[[World], Answer]:
    """An import of a file with these bytes."""

    def act(here: World) -> Answer:
        path = here.files / f"{uuid4()}-{name}"
        path.write_bytes(raw)
        return here.cli("import", verb, str(path))

    return act


def files_of(verb: str, what: str, lines: list[str]) -> tuple[Case, ...]:
    """What any import refuses as a whole: another encoding, nothing at all, half of a compressed file."""
    text = "\n".join(lines) + "\n"
    packed = gzip.compress(text.encode())
    return (
        row(
            f"{what} in another encoding",
            content(verb, "utf-16.csv", text.encode("utf-16")),
            2,
            "The line is not UTF-8: byte 1 is 0xff.",
            ALL,
        ),
        row(
            f"an empty file of {what}",
            content(verb, "empty.csv", b""),
            2,
            "Check that it is the right file; nothing was imported.",
            ALL,
        ),
        row(
            f"half a compressed file of {what}",
            content(verb, "half.csv.gz", packed[: len(packed) // 2]),
            2,
            "nothing was imported",
            ALL,
        ),
    )


FILES = (
    *files_of("cdnow", "purchases", cdnow_lines()[:200]),
    *files_of("incidents", "a log of incidents", incident_lines()[:200]),
)
