"""The rows of an incident log: what they say, their order where the log is dirty, what is refused."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from commands.imports.incidents_log import config as incidents_config
from commands.imports.incidents_log.rows import COLUMNS, Update, in_order, update
from commands.imports.kit.fields import RowRefused
from commands.imports.kit.report import ImportRefused
from commands.imports.kit.table import Line, read_table_file

CONFIG = incidents_config.load()
DATA = Path("deploy/demo/data/incidents/incident_event_log.csv.gz")
ROW = {
    **dict.fromkeys(COLUMNS, "?"),
    "number": "INC0000045", "incident_state": "New", "sys_mod_count": "0", "made_sla": "TRUE",
    "caller_id": "Caller 2403", "opened_at": "29-02-2016 01:16", "sys_updated_at": "29-02-2016 01:23",
    "contact_type": "Phone", "priority": "3 - Moderate", "assignment_group": "Group 56",
}  # fmt: skip


def row(line_number: int = 2, /, **changed: str) -> Update:
    return update(Line("log.csv", line_number, {**ROW, **changed}), CONFIG)


@pytest.fixture(scope="module")
def published() -> dict[str, list[Update]]:
    """The rows of each case of the published log, in the file's order."""
    cases = defaultdict(list)
    for line in read_table_file(DATA, COLUMNS).lines:
        cases[line.fields["number"]].append(update(line, CONFIG))
    return cases


def test_a_row_says_who_what_when_and_a_question_mark_is_nothing() -> None:
    """Times are local to the configured zone, UTC unless told, day first."""
    one = row()
    assert (one.state, one.priority, one.channel, one.queue) == ("new", 3, "phone", "Group 56")
    assert one.opened == datetime(2016, 2, 29, 1, 16, tzinfo=UTC)
    assert one.updated == datetime(2016, 2, 29, 1, 23, tzinfo=UTC)
    assert (one.owner, one.category, one.product, one.cause, one.code) == (None,) * 5
    assert one.attributes == {}
    assert row(caller_id="?").caller is None
    assert row(category="").category is None


def test_the_zone_is_configured() -> None:
    """In Berlin it was an hour later than in UTC, two in summer."""
    berlin = incidents_config.parse(
        {"zone": "Europe/Berlin", "kind": "incident", "unknown": "?", "states": {"New": "new"}}
    )
    one = update(Line("log.csv", 2, {**ROW, "sys_updated_at": "01-07-2016 12:00"}), berlin)
    assert one.opened == datetime(2016, 2, 29, 0, 16, tzinfo=UTC)
    assert one.updated == datetime(2016, 7, 1, 10, 0, tzinfo=UTC)


def test_what_the_log_waits_for_is_kept_where_two_states_become_one() -> None:
    """`Awaiting Vendor` and `Awaiting Problem` are both waiting on a third party."""
    vendor = row(incident_state="Awaiting Vendor")
    assert vendor.state == row(incident_state="Awaiting Problem").state == "waiting_on_third_party"
    assert vendor.attributes == {"incident_state": "Awaiting Vendor"}
    assert row(incident_state="Active").attributes == {}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"incident_state": "-100"},
            "The incident_state -100 is unknown; the configuration has New, Active,",
        ),
        ({"incident_state": ""}, "The incident_state (empty) is unknown;"),
        ({"number": ""}, "The number is empty."),
        ({"sys_mod_count": ""}, "The sys_mod_count is empty."),
        ({"sys_mod_count": "-1"}, "The sys_mod_count -1 is not a whole number."),
        ({"made_sla": "?"}, "The made_sla ? is neither TRUE nor FALSE."),
        ({"priority": "5 - Whenever"}, "The priority 5 - Whenever is not valid."),
        (
            {"opened_at": "?"},
            "The opened_at ? is not a time. Write day-month-year hour:minute, such as 29-02-2016",
        ),
        ({"sys_updated_at": "30-02-2016 01:00"}, "The sys_updated_at 30-02-2016 01:00 is not a time."),
        ({"sys_updated_at": "2016-02-28T01:00"}, "The sys_updated_at 2016-02-28T01:00 is not a time."),
        ({"category": "x" * 201}, "The category has 201 characters; at most 200 are allowed."),
    ],
)
def test_a_row_that_cannot_be_taken_says_why(changed: dict[str, str], says: str) -> None:
    """Fact, cause, next act."""
    with pytest.raises(RowRefused) as refused:
        row(**changed)
    assert str(refused.value).startswith(says)


def test_rows_stand_in_the_order_of_their_counts_not_of_the_file() -> None:
    """The counts are the log's own order; equal ones stay as they came, a repeated row stands once."""
    rows = [row(2, sys_mod_count="10"), row(3, sys_mod_count="2"), row(4, sys_mod_count="2", category="A")]
    again = row(5, sys_mod_count="10")
    assert [each.line.number for each in in_order([*rows, again])] == [3, 4, 5]


def test_a_row_from_before_the_opening_stands_first_whatever_its_count_says(
    published: dict[str, list[Update]],
) -> None:
    """INC0000135: its count would put it behind the resolution and seem to reopen the case."""
    first, *others = in_order(published["INC0000135"])
    assert (first.count, first.state, first.updated < first.opened) == (7, "in_progress", True)
    assert [each.count for each in others] == [1, 2, 3, 4, 5, 6, 7]


def test_the_published_log_has_the_dirt_that_its_page_tells(published: dict[str, list[Update]]) -> None:
    """In the order in which the rows are taken."""
    cases = {number: in_order(rows) for number, rows in published.items()}
    assert sum(len(rows) for rows in cases.values()) == 5_998
    back = [n for n, rows in cases.items() if any(b.updated < a.updated for a, b in pairwise(rows))]
    assert back == ["INC0000137"]
    assert sum(rows[0].updated < rows[0].opened for rows in cases.values()) == 5
    assert sum(rows[0].state == "resolved" for rows in cases.values()) == 29
    assert {rows[-1].state for rows in cases.values()} == {"closed"}
    moves = [(a.word, b.word, number) for number, rows in cases.items() for a, b in pairwise(rows)]
    reopened = [number for was, now, number in moves if (was, now) == ("Resolved", "Active")]
    assert (len(reopened), len(set(reopened))) == (11, 10)
    assert sum(not rows[-1].met_sla for rows in cases.values()) == 395


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (
            {"zone": "Mars/Olympus"},
            "zone in the import's configuration is Mars/Olympus, and there is no such",
        ),
        ({"kind": "riddle"}, "kind in the import's configuration is riddle; it must be one of question,"),
        ({"states": {}}, "The import's configuration lacks [states]."),
        ({"states": {"New": "brand new"}}, 'states."New" in the import\'s configuration is brand new;'),
        ({"states": {"New": "duplicate"}}, 'states."New" in the import\'s configuration is duplicate;'),
        ({"unknown": ""}, "unknown in the import's configuration must be a text."),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(document: dict[str, Any], says: str) -> None:
    """Before anything is taken."""
    good = {"zone": "UTC", "kind": "incident", "unknown": "?", "states": {"New": "new"}}
    with pytest.raises(ImportRefused) as refused:
        incidents_config.parse({**good, **document})
    assert str(refused.value).startswith(says)


def test_two_moments_of_the_log_are_minutes_apart() -> None:
    """The log has minutes, no seconds: nothing is invented."""
    assert row().updated - row().opened == timedelta(minutes=7)
