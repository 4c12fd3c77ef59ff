"""Dirty files: each bad row is reported by file and line, every good row is taken, and nothing else."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.database import Urls, migrated
from tests.support.http import database
from tests.support.import_process import ImportProcess
from tests.support.importing import Importing, folder_with, importing, original

DEALS = original("sales_pipeline")
GOOD = DEALS[1:4]
AGENT = "Moses Frase"


@pytest.fixture(scope="module")
def urls(postgres: LocalPostgres) -> Iterator[Urls]:
    """One store for all rows of the table: what is bad leaves nothing behind."""
    with database(postgres, "import_bad_input") as url:
        yield migrated(url)


@pytest.fixture(scope="module")
def store(urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importing]:
    """It holds the small tables and three deals."""
    with importing(urls.app) as target:
        target.run(folder_with(tmp_path_factory.mktemp("good"), deals=GOOD))
        yield target


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("BAD00001,Moses Frase,GTX Basic", "The row has 3 fields where the header has 8."),
        ('BAD00001,"Moses Frase,GTX Basic,,Won,1/1/2017,1/2/2017,5', "The line is not CSV:"),
        (f"BAD00001,{AGENT},GTX Basic,,Dreaming,1/1/2017,,", "The stage Dreaming is unknown in the pipeline"),
        (f"BAD00001,{AGENT},GTX Basic,,Won,1/1/2017,1/2/2017,-5", "The close_value -5 is negative."),
        (f"BAD00001,{AGENT},GTX Basic,,Won,1/2/2017,1/1/2017,5", "The close on 2017-01-01 precedes the"),
        (f"BAD00001,{AGENT},GTX Basic,,Won,2017-01-01,1/2/2017,5", "The engage_date 2017-01-01 is not a da"),
        (f"BAD00001,{AGENT},GTX Ultra,,Prospecting,,,", "The product GTX Ultra is not in products.csv"),
        (f"BAD00001,{AGENT},GTX Basic,Nobody Inc,Prospecting,,,", "The account Nobody Inc is not in"),
        ("BAD00001,Erika Muster,GTX Basic,,Prospecting,,,", "The sales_agent on this line is not in sales_"),
        (f"BAD00001,{AGENT},GTX Basic,,Engaging,1/1/2999,,", "The time 2999-01-01T00:00:00+00:00 lies more"),
        (f"1C1I7A6R,{AGENT},GTX Basic,,Prospecting,,,", "This row was imported before, with other content"),
    ],
    ids=[
        "too few fields", "open quote", "unknown stage", "negative amount", "close before opening",
        "bad date", "unknown product", "unknown account", "unknown agent", "in the future", "changed",
    ],
)  # fmt: skip
def test_a_bad_deal_in_the_middle_is_reported_and_the_others_are_taken(
    store: Importing, tmp_path: Path, row: str, sentence: str
) -> None:
    """Line 3 of the file; a new good row stands before it, known ones behind."""
    number = zlib.crc32(row.encode()) % 10**8
    fresh = f"N{number:08d},{AGENT},GTX Basic,,Prospecting,,,"
    mark = store.follower.high_water_mark()
    report = store.run(folder_with(tmp_path / "files", deals=[fresh, row, *GOOD[1:]]))
    assert [(problem.file, problem.line) for problem in report.failed] == [("sales_pipeline.csv", 3)]
    assert report.failed[0].sentence.startswith(sentence)
    assert (report.created, report.unchanged) == (1, 41 + 7 + 85 + 2)
    assert store.ids("maven-opportunity", f"N{number:08d}")
    assert not store.ids("maven-opportunity", "BAD00001")
    assert len(store.follower.read(mark, store.follower.high_water_mark())) == 1


def test_no_sentence_names_a_person(store: Importing, tmp_path: Path) -> None:
    """Reports are passed on: who is meant is found by file and line."""
    teams = original("sales_teams")[1:]
    folder = folder_with(
        tmp_path / "files",
        deals=["P1,Erika Muster,GTX Basic,,Prospecting,,,", f"P2,{AGENT},GTX Basic,,Dreaming,,,"],
        sales_teams=[*teams, "Erika Muster,Erika Muster,West", "Max Muster,,West"],
    )
    report = store.run(folder)
    assert [(problem.file, problem.line) for problem in report.failed] == [
        ("sales_pipeline.csv", 2),
        ("sales_pipeline.csv", 3),
        ("sales_teams.csv", 37),
        ("sales_teams.csv", 38),
    ]
    assert not any("Muster" in str(problem) or AGENT in str(problem) for problem in report.failed)


def test_what_names_a_bad_account_is_reported_as_well(store: Importing, tmp_path: Path) -> None:
    """A subsidiary of nobody, a circle of parents, and the deals of those that were not taken."""
    bad = [
        "Orphan,retail,2000,1,1,Norway,Nobody Inc",
        "Hen,retail,2000,1,1,Norway,Egg",
        "Egg,retail,2000,1,1,Norway,Hen",
        "Chick,retail,2000,-1,1,Norway,Hen",
    ]
    accounts = [*original("accounts")[1:], *bad]
    deals = [f"Q1,{AGENT},GTX Basic,Orphan,Prospecting,,,", f"Q2,{AGENT},GTX Basic,Egg,Prospecting,,,"]
    report = store.run(folder_with(tmp_path / "files", deals=deals, accounts=accounts))
    assert [(problem.file, problem.line, problem.sentence.split(".")[0]) for problem in report.failed] == [
        ("accounts.csv", 87, "The parent account Nobody Inc is not in accounts"),
        ("accounts.csv", 88, "The row belongs to a circle: one of those above it stands below it too"),
        ("accounts.csv", 89, "The row belongs to a circle: one of those above it stands below it too"),
        ("accounts.csv", 90, "The revenue -1 is negative"),
        ("sales_pipeline.csv", 2, "The account Orphan is not in accounts"),
        ("sales_pipeline.csv", 3, "The account Egg is not in accounts"),
    ]
    assert report.created == 0


def test_a_row_that_stands_twice_in_a_file_is_taken_once(store: Importing, tmp_path: Path) -> None:
    """The same row again is unchanged; another with its id is reported, the first one stands."""
    row = f"TWICE001,{AGENT},GTX Basic,,Prospecting,,,"
    other = f"TWICE001,{AGENT},GTX Basic,,Engaging,1/1/2017,,"
    report = store.run(folder_with(tmp_path / "files", deals=[row, row, other]))
    assert (report.created, report.unchanged) == (1, 41 + 7 + 85 + 1)
    assert [problem.line for problem in report.failed] == [4]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("missing", "There is no accounts.csv (nor accounts.csv.gz) in"),
        ("utf-16", "The header of accounts.csv cannot be read. The line is not UTF-8: byte 1 is 0xff."),
        ("other", "The header of accounts.csv lacks account,"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_import_before_it_begins(
    urls: Urls, store: Importing, tmp_path: Path, broken: str, says: str
) -> None:
    """One sentence, exit code 2, not an event: although the other files are good and new."""
    folder = folder_with(tmp_path / "files", deals=[f"NEVER001,{AGENT},GTX Basic,,Prospecting,,,"])
    file = folder / "accounts.csv"
    if broken == "missing":
        file.unlink()
    elif broken == "utf-16":
        file.write_text(file.read_text(), "utf-16")
    else:
        file.write_text("name,sector\nAcme,retail\n")
    mark = store.follower.high_water_mark()
    code, out, err = ImportProcess(urls, tmp_path / "home", folder).run()
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {says}")
    assert err.rstrip().endswith("nothing was imported.") or "Nothing was imported." in err
    assert "Traceback" not in err
    assert store.follower.high_water_mark() == mark


def test_the_command_line_reports_rows_counts_and_exit_code(
    urls: Urls, store: Importing, tmp_path: Path
) -> None:
    """1 where a row was not taken; the good rows are in; `--json` holds the same."""
    rows = [f"CLI00001,{AGENT},GTX Basic,,Prospecting,,,", f"CLI00002,{AGENT},GTX Basic,,Dreaming,,,"]
    command = ImportProcess(urls, tmp_path / "home", folder_with(tmp_path / "files", deals=rows))
    code, out, err = command.run()
    assert code == 1
    assert "sales_pipeline.csv line 3: The stage Dreaming is unknown" in out
    assert "1 records created, 133 unchanged; 1 rows were not taken." in out
    assert "Import: 135 of 135 records" in err
    assert store.ids("maven-opportunity", "CLI00001")
    code, out, _ = command.run("--json")
    answer = json.loads(out)
    assert (code, answer["status"]) == (1, "failed")
    assert answer["data"]["failed"] == [
        {"file": "sales_pipeline.csv", "line": 3, "sentence": answer["data"]["failed"][0]["sentence"]}
    ]
    assert (answer["data"]["created"], answer["data"]["unchanged"]) == (0, 134)
    assert answer["data"]["kinds"]["opportunities"] == {"created": 0, "unchanged": 1, "failed": 1}
