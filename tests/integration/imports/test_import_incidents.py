"""The incident log comes in as cases with all that happened to them, once, however dirty it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.demo.second_reader_incidents import expected, transitions
from deploy.local.postgres import LocalPostgres
from domain.customers.customer import events as customer
from domain.directory.principal import events as principal_events
from domain.directory.principal import state as principal
from domain.events.event import Event
from domain.kernel.aggregate import replay
from domain.service.case import events as case_events
from domain.service.case import state as case
from tests.support.database import migrated
from tests.support.http import database
from tests.support.import_runs import INCIDENTS, file_of, incident_lines, incidents
from tests.support.importing import NOW, Importing, importing

LOG = INCIDENTS / "incident_event_log.csv.gz"
HEADER, *LINES = incident_lines()
COLUMNS = HEADER.split(",")


@pytest.fixture(scope="module")
def whole(postgres: LocalPostgres) -> Iterator[Importing]:
    """The published log, imported once for the tests that only look."""
    with database(postgres, "import_incidents") as url, importing(migrated(url).app) as target:
        report = incidents(target, LOG)
        assert (report.created, report.unchanged, report.failed) == (639 + 122 + 890, 0, [])
        yield target


@pytest.fixture(scope="module")
def streams(whole: Importing) -> dict[str, list[Event]]:
    """The events of each case, by its number."""
    numbers = {line.split(",")[0] for line in LINES}
    names = {id: number for number, id in whole.ids("incidents-case", *numbers).items()}
    found: dict[str, list[Event]] = {}
    for event in whole.events():
        if event.originator_id in names:
            found.setdefault(names[event.originator_id], []).append(event)
    return found


@pytest.fixture
def empty(fresh_database: str) -> Iterator[Importing]:
    """A store without an event."""
    with importing(migrated(fresh_database).app) as target:
        yield target


def lines_of(*numbers: str) -> list[str]:
    return [line for line in LINES if line.split(",")[0] in numbers]


def changed(line: str, **columns: str) -> str:
    """The line with other values in these columns."""
    fields = line.split(",")
    for column, value in columns.items():
        fields[COLUMNS.index(column)] = value
    return ",".join(fields)


def told(events: list[Event]) -> list[tuple[str, str]]:
    """What happened and when, to the minute."""
    return [(type(event.payload).__name__, f"{event.time:%d %H:%M}") for event in events]


def opened(target: Importing, number: str) -> case.Case:
    (id,) = target.ids("incidents-case", number).values()
    return target.commands.crm.load("case", case.evolve, id)


def test_the_cases_hold_what_a_second_reader_of_the_log_counts(
    whole: Importing, streams: dict[str, list[Event]]
) -> None:
    """Replayed from the store: no read model stands between."""
    replayed = [replay(case.evolve, None, stream) for stream in streams.values()]
    cases = [each for each in replayed if each is not None]
    kinds = Counter(type(event.payload) for event in whole.events())
    assert {
        "callers": kinds[customer.Registered],
        "cases": len(cases),
        "cases closed": sum(each.state == "closed" for each in cases),
        "cases reopened": sum(each.reopened > 0 for each in cases),
        "reopenings": kinds[case_events.Reopened],
        "SLA missed by the log": sum(each.reported_sla is False for each in cases),
    } == expected(INCIDENTS)
    assert kinds[case_events.CaseClosed] == 890
    assert kinds[case_events.Resolved] == 890 + 11
    assert {each.customer_id for each in cases} == {stream[0].party for stream in streams.values()}


HAPPENED = {
    case_events.Assigned: "assigned",
    case_events.PriorityChanged: "priority",
    case_events.StateChanged: "state",
    case_events.Resolved: "resolved",
    case_events.Reopened: "reopened",
    case_events.CaseClosed: "closed",
}


def test_every_transition_of_every_case_is_there_at_its_time(streams: dict[str, list[Event]]) -> None:
    """As a second reader of the log finds them, row by row: none is lost, made up, or at another time."""
    found = {
        number: sorted((event.time, what) for event in stream for what in happened(event.payload))
        for number, stream in streams.items()
    }
    wanted = transitions(INCIDENTS)
    assert found.keys() == wanted.keys()
    assert [(n, found[n], wanted[n]) for n in found if found[n] != wanted[n]] == []
    kinds = Counter(what for happened in wanted.values() for _, what in happened)
    assert set(kinds) == {*HAPPENED.values(), "category"}
    assert (kinds["closed"], kinds["reopened"], kinds["resolved"]) == (890, 11, 901)


def happened(payload: object) -> list[str]:
    """What the second reader calls it; nothing for what it does not look at."""
    if isinstance(payload, case_events.DetailsChanged):
        return ["category"] if any(change.field == "category" for change in payload.changes) else []
    return [HAPPENED[type(payload)]] if type(payload) in HAPPENED else []


def test_a_second_run_changes_nothing_and_says_so(whole: Importing) -> None:
    """Not an event more, although the clock and all ids are others."""
    before = whole.follower.high_water_mark()
    report = incidents(whole, LOG, now=NOW.replace(year=2027))
    assert report.summary() == "Everything is unchanged: all 1,651 records were there already."
    assert whole.follower.high_water_mark() == before


def test_a_case_is_told_as_the_log_tells_it(whole: Importing, streams: dict[str, list[Event]]) -> None:
    """INC0000715, reopened twice: each resolution stays, what resolved it in the end stands on the last."""
    events = streams["INC0000715"]
    assert told(events) == [
        ("Opened", "01 13:03"),
        ("Assigned", "01 14:10"),
        ("StateChanged", "01 14:10"),
        ("Resolved", "03 08:36"),
        ("Reopened", "04 12:42"),
        ("Resolved", "10 12:16"),
        ("Reopened", "10 12:47"),
        ("Resolved", "10 15:36"),
        ("CaseClosed", "24 18:50"),
    ]
    found = opened(whole, "INC0000715")
    assert [resolution.code for resolution in found.resolutions] == [None, None, "code 8"]
    assert (found.reopened, found.reported_sla, found.queue, found.priority) == (2, False, "Group 73", 3)
    assert found.owner_id is not None
    owner = whole.commands.crm.load("principal", principal.evolve, found.owner_id)
    assert owner.name == "Resolver 198"
    (caller,) = whole.ids("incidents-caller", "Caller 1262").values()
    assert found.customer_id == caller == found.party


def test_what_an_imported_log_leaps_over_is_recorded(streams: dict[str, list[Event]]) -> None:
    """New -> Active without an assignment: the case was never seen as assigned."""
    moves = [
        event.payload
        for stream in streams.values()
        for event in stream
        if isinstance(event.payload, case_events.StateChanged)
    ]
    leaps = Counter((each.from_state, each.to_state, each.skipped) for each in moves if each.skipped)
    assert leaps["new", "in_progress", ("assigned",)] > 300


def test_time_never_goes_back_and_the_log_s_own_stamp_is_kept(streams: dict[str, list[Event]]) -> None:
    """INC0000137: a row of 11:10, then the resolution of 11:03; it stands at 11:10, with 11:03 beside it."""
    for stream in streams.values():
        assert [event.time for event in stream] == sorted(event.time for event in stream)
    resolved = next(e for e in streams["INC0000137"] if isinstance(e.payload, case_events.Resolved))
    assert resolved.time == datetime(2016, 2, 29, 11, 10, tzinfo=UTC)
    assert resolved.payload.logged_at == datetime(2016, 2, 29, 11, 3, tzinfo=UTC)


def test_an_update_before_the_opening_happens_at_the_opening(streams: dict[str, list[Event]]) -> None:
    """INC0000131 was opened at 09:41, and active by 07:14; nothing happens to a case before it is opened."""
    first, second = streams["INC0000131"][:2]
    assert first.time == second.time == datetime(2016, 2, 29, 9, 41, tzinfo=UTC)
    assert (first.payload.state, second.payload.to_state) == ("new", "in_progress")
    assert first.payload.logged_at == second.payload.logged_at == datetime(2016, 2, 29, 7, 14, tzinfo=UTC)
    reopened = [
        number for number, s in streams.items() if any(isinstance(e.payload, case_events.Reopened) for e in s)
    ]
    assert "INC0000135" not in reopened  # its early row's count would put it behind the resolution
    assert len(reopened) == 10


def test_cases_that_begin_as_resolved_are_opened_and_resolved(streams: dict[str, list[Event]]) -> None:
    """29 of them, which never say when they were resolved: it is when the log first shows them so."""
    silent = {line.split(",")[0] for line in LINES} - {
        line.split(",")[0] for line in LINES if line.split(",")[COLUMNS.index("resolved_at")] != "?"
    }
    assert len(silent) == 29
    for number in silent:
        first, second = streams[number][:2]
        assert (type(first.payload), type(second.payload)) == (case_events.Opened, case_events.Resolved)
        assert first.time == second.time
        assert second.payload.from_state == "new"


def test_a_question_mark_is_nothing_also_where_something_was(streams: dict[str, list[Event]]) -> None:
    """No case of `?`, no queue, owner or attribute of that name; what is taken away is an event."""
    payloads = [event.payload for stream in streams.values() for event in stream]
    assert not any("'?'" in repr(payload) for payload in payloads)
    assigned = [payload for payload in payloads if isinstance(payload, case_events.Assigned)]
    assert sum(each.owner_id is None and each.previous_owner_id is not None for each in assigned) == 95
    assert sum(each.queue is None and each.previous_queue is not None for each in assigned) == 30


def test_no_name_of_a_resolver_or_caller_stands_in_an_event_in_clear(whole: Importing) -> None:
    """A caller's number is the service desk's reference; the name is closed with the person's key."""
    stored = [row.event for row in whole.follower.stream(0, whole.follower.high_water_mark())]
    assert not any(b"Resolver " in each for each in stored)
    names = {
        event.payload.name
        for event in whole.events()
        if isinstance(event.payload, customer.Registered | principal_events.Registered)
    }
    assert {"Resolver 198", "Caller 1262"} < names


FIRST, SECOND, THIRD = "INC0000045", "INC0000047", "INC0000057"


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            {"incident_state": "Dreaming"},
            "The incident_state Dreaming is unknown; the configuration has New,",
        ),
        ({"sys_updated_at": "?"}, "The sys_updated_at ? is not a time."),
        ({"priority": "0 - Never"}, "The priority 0 - Never is not valid."),
        ({"made_sla": "maybe"}, "The made_sla maybe is neither TRUE nor FALSE."),
    ],
    ids=["unknown state", "no time", "no priority", "no verdict"],
)
def test_a_case_with_a_bad_row_is_left_out_whole_and_taken_once_corrected(
    empty: Importing, tmp_path: Path, columns: dict[str, str], says: str
) -> None:
    """Without the row its history would be another, and the corrected file could never get in."""
    lines = lines_of(FIRST, SECOND, THIRD)
    bad = [*lines[:6], changed(lines[6], **columns), *lines[7:]]
    report = incidents(empty, file_of(tmp_path / "bad.csv", HEADER, *bad))
    ((line, sentence),) = [(problem.line, problem.sentence) for problem in report.failed]
    assert (line, sentence.startswith(says)) == (8, True), sentence
    assert sentence.endswith("Until then its case is left out as a whole: its history would have a hole.")
    assert set(empty.ids("incidents-case", FIRST, SECOND, THIRD)) == {FIRST, THIRD}
    report = incidents(empty, file_of(tmp_path / "good.csv", HEADER, *lines))
    assert (report.kinds["cases"].created, report.kinds["cases"].unchanged, report.failed) == (1, 2, [])


def test_a_line_that_cannot_be_read_holds_back_the_cases_beside_it(empty: Importing, tmp_path: Path) -> None:
    """Nobody knows whose it is: within a case that one, between two cases both."""
    lines = lines_of(FIRST, SECOND, THIRD)
    report = incidents(empty, file_of(tmp_path / "in.csv", HEADER, *lines[:5], "half a", *lines[6:]))
    assert [(p.line, p.sentence[:27]) for p in report.failed] == [
        (6, "The case INC0000047 is left"),
        (7, "The row has 1 fields where "),
    ]
    assert set(empty.ids("incidents-case", FIRST, SECOND, THIRD)) == {FIRST, THIRD}


def test_a_repeated_row_and_another_order_of_the_file_change_nothing(
    empty: Importing, tmp_path: Path
) -> None:
    """A case is what its rows say, not how often and where they stand."""
    lines = lines_of(FIRST, SECOND)
    incidents(empty, file_of(tmp_path / "one.csv", HEADER, *lines))
    report = incidents(empty, file_of(tmp_path / "two.csv", HEADER, *reversed(lines), lines[3], lines[7]))
    assert (report.created, report.failed) == (0, [])


def test_a_case_that_changed_since_is_reported_and_changes_nothing(empty: Importing, tmp_path: Path) -> None:
    """An import only adds: a case that was cut off by the end of a file stays as it came."""
    lines = lines_of(FIRST, SECOND)
    incidents(empty, file_of(tmp_path / "cut.csv", HEADER, *lines[:-1]))
    mark = empty.follower.high_water_mark()
    report = incidents(empty, file_of(tmp_path / "whole.csv", HEADER, *lines))
    assert [problem.line for problem in report.failed] == [6]
    assert "imported before, with other content" in report.failed[0].sentence
    assert empty.follower.high_water_mark() == mark


def test_a_caller_who_becomes_known_later_is_linked(empty: Importing, tmp_path: Path) -> None:
    """A case of nobody's keeps its own party, and is the caller's from then on."""
    lines = lines_of(FIRST)
    rows = [changed(lines[0], caller_id="?"), *lines[1:]]
    report = incidents(empty, file_of(tmp_path / "late.csv", HEADER, *rows))
    assert (report.created, report.failed) == (2, [])
    found = opened(empty, FIRST)
    (caller,) = empty.ids("incidents-caller", "Caller 2403").values()
    assert (found.customer_id, found.party) == (caller, found.id)


def test_progress_counts_to_the_end(empty: Importing, tmp_path: Path) -> None:
    """Also over what is left out: the bar must reach its end."""
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    lines = [*lines_of(FIRST, SECOND), changed(LINES[-1], incident_state="Dreaming")]
    report = incidents(empty, file_of(tmp_path / "log.csv", HEADER, *lines), progress=progress)
    assert len(report.failed) == 1
    assert seen[-1] == (report.created + 1, report.created + 1)
