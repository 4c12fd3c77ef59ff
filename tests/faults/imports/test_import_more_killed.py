"""The imports of CDNOW and of incidents are killed and interrupted, and come to the same in the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.postgres import LocalPostgres
from tests.support import import_runs
from tests.support.database import Urls, migrated
from tests.support.http import database
from tests.support.import_process import ImportProcess, content
from tests.support.importing import Importing, importing
from tests.support.store import session


@dataclass(frozen=True)
class Slice:
    """1,000 rows of a data set: what takes them, and at how many events it is killed."""

    verb: str
    lines: list[str]
    kill_at: tuple[int, ...]

    def file(self, folder: Path) -> Path:
        """The rows as a file."""
        return import_runs.file_of(folder / f"{self.verb}.txt", *self.lines)

    def take(self, target: Importing, path: Path) -> int:
        """One undisturbed run; records created."""
        return (import_runs.cdnow if self.verb == "cdnow" else import_runs.incidents)(target, path).created


def incident_slice() -> list[str]:
    """The header and the first 1,000 rows, without the case that the end would cut in two."""
    header, *lines = import_runs.incident_lines()
    cut = lines[1000].split(",")[0]
    return [header, *(line for line in lines[:1000] if line.split(",")[0] != cut)]


SLICES = (
    Slice("cdnow", import_runs.cdnow_lines()[:1001], (1, 286)),
    Slice("incidents", incident_slice(), (1, 400)),
)


@pytest.fixture(scope="module", params=SLICES, ids=lambda each: each.verb)
def given(request: pytest.FixtureRequest) -> Slice:
    """The slice that a test is about."""
    slice_: Slice = request.param
    return slice_


@pytest.fixture(scope="module")
def undisturbed(
    postgres: LocalPostgres, given: Slice, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, list[str]]]:
    """What one run gives: records and the store's content."""
    path = given.file(tmp_path_factory.mktemp("whole"))
    with (
        database(postgres, f"undisturbed_{given.verb}") as url,
        importing(migrated(url).app) as target,
    ):
        created = given.take(target, path)
        yield created, content(target)


@pytest.fixture
def process(fresh_database: str, given: Slice, tmp_path: Path) -> ImportProcess:
    """The command over a store of its own."""
    return ImportProcess(migrated(fresh_database), tmp_path / "home", given.file(tmp_path), given.verb)


@pytest.fixture
def target(process: ImportProcess) -> Iterator[Importing]:
    """The same store, to look into."""
    with importing(process.urls.app) as opened:
        yield opened


def check_whole_runs(urls: Urls) -> None:
    """Each record but an interaction has its claim and each claim its record; a case that was taken ended."""
    with session(urls.admin) as opened, opened.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE claim.id IS NULL AND type <> 'crm.interaction.recorded'),"
            "       count(*) FILTER (WHERE stream.id IS NULL)"
            "  FROM (SELECT DISTINCT ON (aggregate_id) aggregate_id AS id, type FROM store.event"
            "        ORDER BY aggregate_id, version) stream"
            "  FULL JOIN store.claim ON claim.id = stream.id"
        )
        assert cursor.fetchall() == [(0, 0)]
        cursor.execute(
            "SELECT count(*) FILTER (WHERE type = 'crm.case.opened') ="
            "       count(*) FILTER (WHERE type = 'crm.case.closed') FROM store.event"
        )
        assert cursor.fetchall() == [(True,)]


def test_killed_between_its_commits_it_goes_on_and_comes_to_the_same(
    process: ImportProcess, target: Importing, given: Slice, undisturbed: tuple[int, list[str]]
) -> None:
    """Kill -9 as soon as something is there, and again when more is."""
    records, whole = undisturbed
    for events in given.kill_at:
        with process.gate("store.event", "store.event", events):
            run = process.start()
            process.until_events(run, events)
            run.kill()
            run.communicate()
        process.kill(run)
        assert process.events() < len(whole), "it was killed too late to show anything"
        check_whole_runs(process.urls)
    code, out, err = process.run("--json")
    data = json.loads(out)["data"]
    assert (code, data["created"] + data["unchanged"]) == (0, records), err
    assert 0 < data["created"] < records
    assert content(target) == whole


def test_killed_within_a_transaction_it_leaves_nothing_of_it(
    process: ImportProcess, target: Importing, given: Slice, undisturbed: tuple[int, list[str]]
) -> None:
    """Held up between its claims and its events; then killed, then run again."""
    with process.gate("store.event", "store.event", 1):
        run = process.start()
        process.until_events(run, 1)
        process.until_at_gate(run)
        run.kill()
        run.communicate()
    process.kill(run)
    assert process.events() < len(undisturbed[1])
    check_whole_runs(process.urls)
    assert process.run()[0] == 0
    assert content(target) == undisturbed[1]


def test_two_imports_at_once_take_each_row_once(
    process: ImportProcess, target: Importing, undisturbed: tuple[int, list[str]]
) -> None:
    """Whoever comes second finds the row there; neither reports a failure."""
    records, whole = undisturbed
    runs = [process.start("--json"), process.start("--json")]
    answers = [json.loads(run.communicate(timeout=120)[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], answers
    assert sum(answer["data"]["created"] for answer in answers) == records
    assert sum(answer["data"]["unchanged"] for answer in answers) == records
    assert content(target) == whole


def test_a_file_that_cannot_be_used_stops_the_import_before_it_begins(
    process: ImportProcess, tmp_path: Path
) -> None:
    """The other data set's file, and one that is not there: one sentence, exit code 2, not an event."""
    other = next(each for each in SLICES if each.verb != process.verb).file(tmp_path)
    for path in (other, tmp_path / "nowhere.csv"):
        code, out, err = ImportProcess(process.urls, process.home, path, process.verb).run()
        assert (code, out) == (2, "")
        assert "nothing was imported" in err
        assert "Traceback" not in err
    assert process.events() == 0
