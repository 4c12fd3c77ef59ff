"""Looking back over HTTP: `as_of` and `known_at` for customer, overview, case, opportunity, timeline, board.

To the microsecond: what happened or was recorded at the cut is in, what did a microsecond later is not; an
early time that was recorded late is in by the one time and out by the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from commands.privacy.kek import FileKek
from commands.privacy.keys import PostgresKeyStore
from deploy.local.postgres import LocalPostgres
from tests.support.http import ALL_PROJECTIONS, KEY, database, problem, running
from tests.support.past import BEFORE, EVERY_WHAT, FIRST, LATER, SECOND, Past, told

TICK: Final = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def past(postgres: LocalPostgres) -> Iterator[Past]:
    with database(postgres, "api_as_of") as url, running(url) as served:
        yield told(served)


def without_cut(body: dict[str, Any]) -> dict[str, Any]:
    """An answer without what it repeats of the question, its age, the ages in the board's stages, and the
    token of its next page."""
    for stage in body.get("stages", ()):
        stage["mean_age_seconds"] = None
    body.get("timeline", {}).pop("next_page_token", None)
    return {name: value for name, value in body.items() if name not in ("as_of", "known_at", "meta")}


@pytest.mark.parametrize("what", EVERY_WHAT)
def test_as_of_now_equals_now(past: Past, what: str) -> None:
    path = past.every()[what]
    now = without_cut(past.read(path))
    for times in ({"as_of": LATER}, {"known_at": "2999-01-01T00:00:00Z"}):
        assert without_cut(past.read(path, **times)) == now


@pytest.mark.parametrize("what", EVERY_WHAT)
def test_an_answer_names_its_cut_and_where_it_comes_from(past: Past, what: str) -> None:
    """All in the same words, null in an answer of now."""
    path, times = past.every()[what], {"as_of": LATER, "known_at": "2999-01-01T00:00:00Z"}
    now, then = past.read(path), past.read(path, **times)
    assert {name: now[name] for name in times} == dict.fromkeys(times)
    assert {name: then[name] for name in times} == times
    # A single record is always read from the store, unless its answer says otherwise.
    source = {"overview": "both", "opportunity": "store"}.get(what, "read_model")
    assert now.get("meta", {}).get("source", "read_model") == "read_model"
    assert then.get("meta", {}).get("source", "read_model") == source


@pytest.mark.parametrize("what", ["customer", "overview", "case", "opportunity"])
def test_before_its_first_event_a_record_is_not_there(past: Past, what: str) -> None:
    path = past.every()[what]
    problem(past.get(path, as_of=BEFORE), 404, "not-found")
    problem(past.get(path, as_of=LATER, known_at=LATER), 404, "not-found")


@pytest.mark.parametrize(
    "times", [{"as_of": BEFORE}, {"known_at": LATER}, {"as_of": LATER, "known_at": LATER}]
)
def test_before_the_first_event_timeline_and_board_are_empty(past: Past, times: dict[str, str]) -> None:
    assert past.read(past.every()["timeline"], **times)["entries"] == []
    assert past.read(past.every()["board"], **times)["totals"]["count"] == 0


def test_a_customer_is_itself_before_it_was_merged(past: Past) -> None:
    path = past.every()["customer"]
    then, now = past.read(path, as_of=FIRST), past.read(path)
    assert (then["state"], then["survivor_id"], then["version"]) == ("active", None, 1)
    assert (now["state"], now["survivor_id"], now["version"]) == ("merged", past.survivor, 2)
    assert past.read(f"customers/{past.survivor}", as_of=FIRST)["absorbed"] == []
    assert past.get(path, as_of=FIRST).headers["etag"] == '"1"'


def test_a_case_has_the_priority_of_then(past: Past) -> None:
    path = past.every()["case"]
    assert (past.read(path, as_of=FIRST)["priority"], past.read(path)["priority"]) == (3, 1)
    assert past.read(path, as_of=FIRST)["subject"] == "Noise"


def test_an_opportunity_is_nobody_s_before_it_was_linked(past: Past) -> None:
    path = past.every()["opportunity"]
    then, now = past.read(path, as_of=FIRST), past.read(path)
    assert then["meta"]["projection"] == "pipeline"
    assert then["opportunity"]["customer_id"] is None
    assert then["opportunity"]["amount"]["amount"] == "10"
    assert now["opportunity"]["customer_id"] == past.customer
    assert now["opportunity"]["amount"]["amount"] == "25"
    board = past.read(past.every()["board"], as_of=FIRST)
    assert (board["totals"]["count"], board["totals"]["amount"]) == (1, "10")


def test_a_merge_after_the_cut_does_not_count_and_one_before_it_does(past: Past) -> None:
    """Nor does a link that was made later: the links are those of that time, too."""

    def who(id: str, at: str) -> tuple[str, set[str], set[str]]:
        shown = past.read(f"customers/{id}/overview", as_of=at, sections="profile")
        entries = past.read(f"customers/{id}/timeline", as_of=at)["entries"]
        return shown["customer_id"], set(shown["parties"]), {entry["subject_id"] for entry in entries}

    mine = {past.customer, past.case, past.purchase, past.contact}
    assert who(past.customer, FIRST) == (past.customer, {past.customer}, mine)
    assert who(past.survivor, FIRST) == (past.survivor, {past.survivor}, {past.survivor})
    all_ = {past.customer, past.survivor, past.opportunity}
    for id in (past.customer, past.survivor):
        assert who(id, SECOND) == (past.survivor, all_, mine | all_)
    merged = past.read(f"customers/{past.survivor}/overview", as_of=SECOND)["profile"]["merged"]
    assert merged == [past.customer]


def test_the_overview_of_then_has_every_section_of_then(past: Past) -> None:
    then, now = (past.read(past.every()["overview"], **times) for times in ({"as_of": FIRST}, {}))
    assert (then["profile"]["name"], then["profile"]["tags"]) == ("ACME Ltd", ["new"])
    assert (now["profile"]["name"], now["profile"]["tags"]) == ("Acme", [])
    assert [case["priority"] for case in then["cases"]["items"]] == [3]
    assert [case["priority"] for case in now["cases"]["items"]] == [1]
    assert (then["opportunities"]["count"], now["opportunities"]["count"]) == (0, 1)
    assert (then["totals"]["purchases"], then["totals"]["purchase_value"]) == (1, "10")
    assert (now["totals"]["purchases"], now["totals"]["purchase_value"]) == (1, "20")
    for shown, active, points in ((then, True, 2), (now, False, 1)):
        (contact,) = shown["contacts"]["items"]
        assert (contact["name"], len(contact["points"])) == ("Bob Example", points)
        assert contact["points"][0]["value"] == "bob@example.org"
        (consent,) = shown["consents"]["items"]
        assert (consent["active"], consent["withdrawn_at"] is None) == (active, active)


def test_the_overview_s_timeline_goes_on_at_the_same_cut(past: Past) -> None:
    path = past.every()["overview"]
    section = past.read(path, as_of=FIRST, sections="timeline", first="2")["timeline"]
    whole = past.read(past.every()["timeline"], as_of=FIRST)["entries"]
    rest = past.read(past.every()["timeline"], page_token=section["next_page_token"])
    assert section["items"] + rest["entries"] == whole
    assert rest["as_of"] == FIRST


def test_a_look_back_needs_no_read_model_to_have_caught_up(past: Past) -> None:
    made = past.api.create("opportunities", pipeline="small", at=FIRST)
    problem(past.get(f"opportunities/{made}"), 404, "not-found")
    assert past.read(f"opportunities/{made}", as_of=SECOND)["opportunity"]["version"] == 1
    past.api.catch_up(projections=ALL_PROJECTIONS)


def seen(past: Past, what: str, **times: str) -> Any:
    """What tells the change of each thing."""
    answer = past.get(past.every()[what], **times)
    if answer.status_code != 200:
        problem(answer, 404, "not-found")
        return None
    body: dict[str, Any] = answer.json()
    match what:
        case "customer":
            return body["state"]
        case "overview":
            return body["customer_id"] == past.survivor
        case "case":
            return body["priority"]
        case "opportunity":
            return body["opportunity"]["amount"]["amount"]
        case "board":
            return body["totals"]["amount"]
        case _:
            return len(body["entries"])


CHANGES: Final = {
    "customer": ("crm.customer.merged_into", "active", "merged"),
    "overview": ("crm.customer.merged_into", False, True),
    "case": ("crm.case.priority_changed", 3, 1),
    "opportunity": ("crm.opportunity.amount_changed", "10", "25"),
    "board": ("crm.opportunity.amount_changed", "10", "25"),
}
"""What each shows before and after that event."""


def moment_of(past: Past, type_: str, time: str) -> datetime:
    """When the event of this type happened, or was recorded."""
    field = {"as_of": "occurred", "known_at": "recorded"}[time]
    entries = past.read(f"customers/{past.survivor}/timeline", page_size="500")["entries"]
    (found,) = [
        entry[field] for entry in entries if entry["type"] == type_ and entry["subject_id"] != past.survivor
    ]
    return datetime.fromisoformat(found)


@pytest.mark.parametrize("time", ["as_of", "known_at"])
@pytest.mark.parametrize("what", CHANGES)
def test_what_is_at_the_cut_is_in_and_what_is_a_microsecond_later_is_not(
    past: Past, what: str, time: str
) -> None:
    type_, before, after = CHANGES[what]
    at = moment_of(past, type_, time)
    assert seen(past, what, **{time: at.isoformat()}) == after
    assert seen(past, what, **{time: (at - TICK).isoformat()}) == before


@pytest.mark.parametrize("time", ["as_of", "known_at"])
def test_the_timeline_has_the_entry_at_the_cut_and_not_one_a_microsecond_later(past: Past, time: str) -> None:
    at = moment_of(past, "crm.case.priority_changed", time)
    field = {"as_of": "occurred", "known_at": "recorded"}[time]

    def types(moment: datetime) -> list[str]:
        page = past.read(past.every()["timeline"], page_size="500", **{time: moment.isoformat()})
        entries = page["entries"]
        assert all(datetime.fromisoformat(entry[field]) <= moment for entry in entries)
        return [entry["type"] for entry in entries]

    assert "crm.case.priority_changed" in types(at)
    earlier = types(at - TICK)
    assert "crm.case.priority_changed" not in earlier
    assert "crm.case.opened" in earlier


@pytest.mark.parametrize("what", EVERY_WHAT)
def test_an_early_time_that_was_recorded_late_is_in_by_the_one_and_out_by_the_other(
    past: Past, what: str
) -> None:
    """All is of February and March of a year and was recorded when this test ran."""
    nothing = {"timeline": 0, "board": "0"}.get(what)
    assert seen(past, what, as_of=SECOND) == seen(past, what)
    assert seen(past, what, as_of=FIRST) != seen(past, what)
    assert seen(past, what, known_at=SECOND) == nothing
    assert seen(past, what, as_of=SECOND, known_at=SECOND) == nothing
    assert seen(past, what, as_of=FIRST, known_at="2999-01-01T00:00:00Z") == seen(past, what, as_of=FIRST)


@pytest.mark.parametrize("what", EVERY_WHAT)
def test_before_its_birth_it_is_not_there(past: Past, what: str) -> None:
    """404 for one record; a list is empty."""
    nothing = {"timeline": 0, "board": "0"}.get(what)
    birth = datetime.fromisoformat(FIRST)
    assert seen(past, what, as_of=(birth - TICK).isoformat()) == nothing
    assert seen(past, what, as_of=birth.isoformat()) not in (None, nothing)
    assert seen(past, what, as_of=LATER) == seen(past, what)


def test_a_section_that_takes_too_much_to_look_back_is_refused(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.reads.as_of.MAX_RECORDS", 1)
    path = past.every()["overview"]
    assert past.read(path, as_of=FIRST)["customer_id"] == past.customer
    refused = problem(past.get(path, as_of=SECOND), 422, "validation")
    assert "needs 2 records" in refused["detail"]
    assert "`sections`" in refused["detail"]


def test_what_was_erased_is_erased_at_every_time(past: Past) -> None:
    """The past is read with the keys that there are now, or erasure would hide nothing from a look back."""
    path = f"customers/{past.person}"
    assert past.read(path, as_of=FIRST)["name"] == "Ann Example"
    PostgresKeyStore(past.api.urls.app, FileKek(KEY)).destroy(UUID(past.person))
    past.api.cipher.forget()
    then = past.read(path, as_of=FIRST)
    assert (then["name"], then["closed"]) == (None, {"name": "erased"})
    assert without_cut(past.read(path)) == without_cut(then)
    profile = past.read(f"{path}/overview", as_of=FIRST, sections="profile")["profile"]
    assert (profile["name"], profile["erased"]) == (None, True)


@pytest.mark.parametrize("sent", ["yesterday", "2026-02-01", "1769904000", ""])
def test_a_time_that_is_none_is_refused(past: Past, sent: str) -> None:
    for path in past.every().values():
        problem(past.get(path, as_of=sent), 422, "validation")
