"""An import that is killed at any moment and run again comes to what one undisturbed run gives."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.database import Urls, migrated
from tests.support.http import database
from tests.support.import_process import ImportProcess, content
from tests.support.importing import Importing, folder_with, importing, original
from tests.support.store import execute, session

RECORDS = 41 + 7 + 85 + 1000
LAST_BATCH = RECORDS - 500
"""Records that are taken when the import's last transaction begins."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables with 1,000 of the deals, of all kinds."""
    deals = original("sales_pipeline")
    return folder_with(tmp_path_factory.mktemp("import") / "files", deals=[*deals[1:801], *deals[-200:]])


@pytest.fixture(scope="module")
def undisturbed(postgres: LocalPostgres, files: Path) -> Iterator[list[str]]:
    """What one run gives."""
    with database(postgres, "import_undisturbed") as url, importing(migrated(url).app) as target:
        assert target.run(files).created == RECORDS
        yield content(target)


@pytest.fixture
def process(fresh_database: str, files: Path, tmp_path: Path) -> ImportProcess:
    """The command over a store of its own."""
    return ImportProcess(migrated(fresh_database), tmp_path / "home", files)


@pytest.fixture
def target(process: ImportProcess) -> Iterator[Importing]:
    """The same store, to look into."""
    with importing(process.urls.app) as opened:
        yield opened


def check_whole_runs(target: Importing, urls: Urls) -> None:
    """Each aggregate has its claim, and a deal that came closed has its close: whole or not at all."""
    with session(urls.admin) as opened, opened.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE claim.id IS NULL), count(*) FILTER (WHERE stream.id IS NULL)"
            "  FROM (SELECT DISTINCT aggregate_id AS id FROM store.event) stream"
            "  FULL JOIN store.claim ON claim.id = stream.id"
        )
        assert cursor.fetchall() == [(0, 0)]
    closed = {cells[0] for line in original("sales_pipeline") if (cells := line.split(","))[6]}
    taken = target.claims.find("maven-opportunity", sorted(closed))
    versions: dict[str, int] = {}
    for event in target.events():
        versions[str(event.originator_id)] = event.originator_version
    assert {versions[str(claim.id)] for claim in taken.values()} <= {2}


def test_killed_between_its_commits_it_goes_on_and_comes_to_the_same(
    process: ImportProcess, target: Importing, undisturbed: list[str]
) -> None:
    """Kill -9 among the principals, behind the customers, and twice among the deals."""
    for records in (1, 133, 383, 633):
        with process.gate("store.claim", "store.claim", LAST_BATCH):
            run = process.start()
            process.until_claims(run, records)
            run.kill()
            run.communicate()
        process.kill(run)
        assert process.claims() < RECORDS, "it was killed too late to show anything"
        check_whole_runs(target, process.urls)
    before = process.claims()
    code, out, err = process.run("--json")
    data = json.loads(out)["data"]
    assert (code, data["created"], data["unchanged"]) == (0, RECORDS - before, before), err
    assert content(target) == undisturbed


@pytest.mark.parametrize("table", ["store.claim", "store.event"])
def test_killed_within_a_transaction_it_leaves_nothing_of_it(
    process: ImportProcess, target: Importing, undisturbed: list[str], table: str
) -> None:
    """Held up before its claims, or between claims and events; then killed, then run again."""
    with process.gate(table, "store.claim", LAST_BATCH if table == "store.claim" else LAST_BATCH + 1):
        run = process.start()
        process.until_at_gate(run)
        before = process.claims()
        run.kill()
        run.communicate()
    process.kill(run)
    assert process.claims() == before < RECORDS
    check_whole_runs(target, process.urls)
    assert process.run()[0] == 0
    assert content(target) == undisturbed


def test_ctrl_c_says_how_far_it_came_and_that_the_same_command_goes_on(
    process: ImportProcess, target: Importing, undisturbed: list[str]
) -> None:
    """Exit code 130, no stack trace, and what was imported stays."""
    with process.gate("store.event", "store.claim", LAST_BATCH + 1):
        run = process.start()
        process.until_at_gate(run)
        run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    taken = process.claims()
    assert run.returncode == 130, err
    assert f"of {RECORDS:,} records were processed; what was imported stays." in err
    assert "Run the same command again" in err
    assert "Traceback" not in err
    assert LAST_BATCH <= taken <= RECORDS
    code, out, _ = process.run()
    assert code == 0
    assert f"{RECORDS - taken:,} records created, {taken:,} unchanged; every row was taken." in out
    assert content(target) == undisturbed


END_WAITING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def test_a_session_that_is_ended_in_a_transaction_is_made_up_for(
    process: ImportProcess, target: Importing, undisturbed: list[str]
) -> None:
    """Nothing of that transaction is there: it is done again, and the run ends as an undisturbed one."""
    with process.gate("store.event", "store.claim", LAST_BATCH + 1):
        run = process.start()
        process.until_at_gate(run)
        execute(process.urls.admin, END_WAITING)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert content(target) == undisturbed


def test_a_database_that_goes_away_stops_it_with_a_sentence(
    process: ImportProcess, target: Importing, undisturbed: list[str]
) -> None:
    """Its session is ended in each transaction, as by a server that cannot keep up; exit code 2."""
    with process.gate("store.event", "store.claim", LAST_BATCH + 1):
        run = process.start()
        until = time.monotonic() + 60
        while run.poll() is None and time.monotonic() < until:
            execute(process.urls.admin, END_WAITING)
            time.sleep(0.02)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 2, err
    assert "error: Rapport can't use PostgreSQL." in err
    assert "Traceback" not in err
    check_whole_runs(target, process.urls)
    assert process.run()[0] == 0
    assert content(target) == undisturbed


def test_two_imports_at_once_take_each_row_once(
    process: ImportProcess, target: Importing, undisturbed: list[str]
) -> None:
    """Whoever comes second finds the row there; neither reports a failure."""
    runs = [process.start("--json"), process.start("--json")]
    answers = [json.loads(run.communicate(timeout=120)[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], answers
    assert sum(answer["data"]["created"] for answer in answers) == RECORDS
    assert sum(answer["data"]["unchanged"] for answer in answers) == RECORDS
    assert content(target) == undisturbed
