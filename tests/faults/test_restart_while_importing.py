"""Whatever is killed while the three imports run: the figures are those of one that nobody disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg2
import pytest

from commands.store.follower import Follower
from deploy.local.kafka import LocalKafka
from deploy.settings import load
from deploy.standing import look
from tests.support import taking
from tests.support.database import migrated
from tests.support.importing import folder_with, importing, original
from tests.support.store import execute
from tests.support.story import Story, ends_of
from tests.support.upping import RAPPORT, Up, environment, everything, wait

ROWS = 1000
LONG = 240
"""Seconds that anything may take on a busy machine before it counts as never."""
PARTS = 3
VICTIMS: tuple[tuple[str, ...], ...] = (
    ("relay", "run"),
    ("projection", "run", "identity"),
    ("kafka.Kafka",),
    ("projection", "run", "pipeline"),
    ("-D",),  # PostgreSQL
    ("projection", "run", "customer_360"),
    ("deploy.cli", "api"),
    ("projection", "run", "service_history"),
    ("relay", "run"),
)
BY_TYPE = "SELECT type, count(*) FROM store.event GROUP BY type ORDER BY type"
READ = (
    "SELECT (SELECT count(*) FROM read.opportunity), (SELECT count(*) FROM read.customer),"
    " (SELECT sum(purchases) FROM read.customer_summary), (SELECT sum(purchase_value) FROM"
    ' read.customer_summary), (SELECT count(*) FROM read."case")'
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    """Verb and path of nine imports: of each data set 1,000 rows, in files that grow by a third."""
    folder = tmp_path_factory.mktemp("parts")
    header, *log = taking.incident_lines()
    cases = sorted({line.split(",")[0] for line in log[:ROWS]})
    found: list[tuple[str, Path]] = []
    for part in range(1, PARTS + 1):
        upto = ROWS * part // PARTS
        taken = set(cases[: len(cases) * part // PARTS])
        found += [
            ("maven", folder_with(folder / f"maven{part}", deals=original("sales_pipeline")[1 : upto + 1])),
            ("cdnow", taking.file_of(folder / f"cdnow{part}", *taking.cdnow_lines()[: upto + 1])),
            (
                "incidents",
                taking.file_of(
                    folder / f"log{part}", header, *(line for line in log if line.split(",")[0] in taken)
                ),
            ),
        ]
    return found


@pytest.fixture
def up(services_folder: Path, kafka: LocalKafka) -> Iterator[Up]:
    """Everything, on a home of its own. `kafka` has the jars fetched before."""
    with everything(services_folder / "restarts") as process:
        yield process


def taken_by(up: Up, verb: str, path: Path) -> subprocess.Popen[str]:
    """An import that runs."""
    return subprocess.Popen(
        [*RAPPORT, "import", verb, str(path)],
        env=environment(up.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def count(url: str) -> int:
    """Events in the store; -1 while it is away."""
    try:
        ((number,),) = execute(url, "SELECT count(*) FROM store.event")
    except psycopg2.Error:
        return -1
    assert isinstance(number, int)
    return number


def types_in(url: str) -> dict[str, int]:
    """Event types and how many of each the store has."""
    return dict(execute(url, BY_TYPE))


def begun(run: subprocess.Popen[str], url: str, before: int) -> bool:
    """Whether the import has added something, or has ended."""
    return run.poll() is not None or count(url) > before


def killed(up: Up, victim: tuple[str, ...]) -> bool:
    """Kill -9 of the victim; False while it is being started again after the kill before."""
    try:
        os.kill(up.pids_of(*victim)[0], signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        return False
    return True


def befall(up: Up, url: str, verb: str, path: Path, victim: tuple[str, ...], *, interrupted: bool) -> None:
    """The import of that path, at first with a victim, and then until it is through."""
    before = count(url)
    run = taken_by(up, verb, path)
    wait(partial(begun, run, url, before), LONG, partial(str, path))
    wait(partial(killed, up, victim), LONG, lambda: f"no process runs {victim}")
    if interrupted:
        run.kill()
    run.communicate(timeout=LONG)
    until = time.monotonic() + LONG
    while True:
        again = taken_by(up, verb, path)
        said, _ = again.communicate(timeout=LONG)
        if again.returncode == 0:
            return
        assert time.monotonic() < until, said
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # whatever hangs is ended by the bound of its own wait
def test_the_figures_are_those_of_an_undisturbed_run(
    up: Up, parts: list[tuple[str, Path]], fresh_database: str
) -> None:
    """Given nine imports, in each of which a process is killed -9, and now and then the importer, when each
    was run again until it was through, then store and read models are as after one quiet run."""
    settings = load(home=up.home, api_port=up.port)
    url = settings.need("store_url")
    own = Counter(types_in(url))  # the principal of the first key
    story = Story()
    with story.told_with_errors(lambda: [*up.lines[-60:], *ends_of(up.home / "log", 8)]):
        for number, ((verb, path), victim) in enumerate(zip(parts, VICTIMS, strict=True)):
            befall(up, url, verb, path, victim, interrupted=number % 3 == 1)
            story.say(f"{path.name} is in, and {' '.join(victim)} was killed meanwhile")
        with closing(Follower(url)) as follower:
            head = follower.settled()
        wait(
            lambda: {row.position for row in look(settings).rows} == {head},
            LONG,
            lambda: f"not all stand at {head}: {look(settings).rows}",
        )
    with importing(migrated(fresh_database).app) as quiet:
        assert not quiet.run(parts[-3][1]).failed
        taking.cdnow(quiet, parts[-2][1])
        taking.incidents(quiet, parts[-1][1])
    types = Counter(types_in(url)) - own
    assert types == Counter(types_in(fresh_database))
    opportunities, customers, purchases, value, cases = execute(settings.need("reader_url"), READ)[0]
    assert opportunities == types["crm.opportunity.opened"] == ROWS
    assert customers == types["crm.customer.registered"]
    assert purchases == types["crm.interaction.recorded"] == ROWS
    assert cases == types["crm.case.opened"]
    ((expected,),) = execute(
        fresh_database,
        "SELECT sum((convert_from(event, 'UTF8')::json #>> '{data,amount,amount}')::numeric) FROM store.event"
        " WHERE type = 'crm.interaction.recorded'",
    )
    assert value == expected
