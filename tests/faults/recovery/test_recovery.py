"""The store restored from an older state, or failed over, and recovered: on servers whose data is put back
for real, with a relay that runs all the time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.store.event_reader import EventReader
from commands.store.incarnation import RecoveryNeeded
from commands.store.roles import role_url
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.secrets import Secrets
from tests.support.commanding import told
from tests.support.database import PASSWORDS, urls
from tests.support.http import database
from tests.support.kafka import read_committed
from tests.support.relaying import CHECKOUT, stable, until
from tests.support.restoring import Installation, installed
from tests.support.seals import check_topics
from tests.support.working import Workers


def check(here: Installation) -> None:
    """Topics and store are the same, sealed throughout."""
    with EventReader(here.admin) as follower:
        stored = [(row.position, row.event) for row in follower.stream(0, follower.high_water_mark())]
    public = Secrets(here.home / "secrets").seal_public()
    assert stable(lambda: check_topics(read_committed(here.bootstrap), stored, public), 30) > 0


def killed_before_its_commit(here: Installation) -> None:
    """A recovery in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.support.recovery_runner", str(here.home)],
        cwd=CHECKOUT,
        timeout=120,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture
def with_keys_elsewhere(
    tmp_path: Path, services_folder: Path, postgres: LocalPostgres, kafka: LocalKafka
) -> Iterator[Installation]:
    """An installation whose keys stand in a database that no restore touches."""
    with database(postgres, "recovery_keys") as keys:
        settings = {
            "RAPPORT_KEYS_ADMIN_URL": keys,
            "RAPPORT_KEYS_URL": role_url(keys, "rapport_app", PASSWORDS["rapport_app"]),
        }
        with installed(tmp_path, services_folder / "r1", kafka.bootstrap, **settings) as here:
            yield here


@pytest.fixture
def here(tmp_path: Path, services_folder: Path, kafka: LocalKafka) -> Iterator[Installation]:
    """An installation with all in one database."""
    with installed(tmp_path, services_folder / "r2", kafka.bootstrap) as installation:
        yield installation


def test_a_store_put_back_to_an_older_copy_gets_all_it_had(
    with_keys_elsewhere: Installation, tmp_path: Path
) -> None:
    """Given a copy of the data folder taken early, more events published since, and the copy put back, then
    everybody says so and nothing is recorded; recovered, the store is what it was, byte for byte, positions
    go on behind those that were used, and topics and read models agree with it."""
    here = with_keys_elsewhere
    with here.api() as client:
        here.life("early")
        relay = here.relay()
        here.until_published()
        here.copy(tmp_path / "copy")
        here.life("late")
        here.life("later")
        here.until_published()
        until(lambda: client.get("/readyz").status_code == 200, "the API is ready", 60)
        before, head = here.content(), here.head()

        here.restore(tmp_path / "copy")
        assert here.head() < head
        here.until_state("recovery_needed")
        until(lambda: client.get("/readyz").status_code == 503, "the API says so", 60)
        refused = client.post("/v1/customers", json={"kind": "person", "name": "Nobody"})
        assert refused.json()["code"] == "recovery-needed"
        code, _, findings = told(here.home, "doctor")
        assert code == 1
        assert any("The store is behind" in one and "`rapport store recover`" in one for one in findings)

        old = here.content()
        code, planned, _ = told(here.home, "store", "recover", "--dry-run")
        assert (code, planned["events"], planned["upto"]) == (0, head - planned["head"], head)
        killed_before_its_commit(here)
        assert here.content() == old, "a recovery that was killed has changed something"

        code, done, findings = told(here.home, "store", "recover")
        assert code == 0, findings
        assert done["events"] == planned["events"]
        assert done["derived"]["persons_without_key"] == []
        assert here.content() == before

        until(lambda: client.get("/readyz").status_code == 200, "the API goes on by itself", 60)
        here.until_state("leading")
        again = client.post("/v1/customers", json={"kind": "person", "name": "Somebody"})
        assert again.status_code == 201, again.text
        assert int(again.headers["consistency-token"]) > head
    here.until_published()
    check(here)
    here.stop(relay)
    code, again_done, findings = told(here.home, "store", "recover")
    assert (code, findings) == (0, [])
    assert (again_done["events"], again_done["seals"], again_done["new_incarnation"]) == (0, 0, False)

    key = Secrets(here.home / "secrets").seal_key()
    workers = Workers(urls(here.admin), here.bootstrap, tmp_path, key=key)
    try:
        workers.start()
        workers.until_at(here.head(), seconds=60)
        with EventReader(here.admin) as follower:
            workers.check(list(follower.stream(0, here.head())))
    finally:
        workers.close()


def test_what_a_restored_store_has_recorded_since_is_set_aside_and_not_lost(
    here: Installation, tmp_path: Path
) -> None:
    """Given a copy put back that went on at positions the topics have for others, then the recovery refuses
    with a list; told where to, it writes them into a file and the topics' events come back. Keys that stood
    in the same database are lost, and it says whose."""
    here.life("early")
    relay = here.relay()
    here.until_published()
    here.copy(tmp_path / "copy")
    here.life("late")
    here.until_published()
    head, before = here.head(), here.content()
    here.stop(relay)
    here.restore(tmp_path / "copy")
    kept = here.head()
    here.life("instead")
    here.life("late")  # the same external ids, as other records
    here.relay()
    here.until_state("recovery_needed")
    after = here.content()

    code, _, findings = told(here.home, "store", "recover")
    assert code == 1
    assert "has recorded" in findings[0]
    assert f"{kept + 1}: crm.customer.registered of " in findings[0]
    assert "--set-aside FILE" in findings[0]
    assert here.content() == after

    file = tmp_path / "aside.ndjson"
    file.write_text("another recovery's\n")
    code, _, findings = told(here.home, "store", "recover", "--set-aside", str(file))
    assert (code, here.content()) == (1, after)
    assert "is there already. Nothing was changed. Name another." in findings[0]
    assert file.read_text() == "another recovery's\n"
    file.unlink()
    code, done, findings = told(here.home, "store", "recover", "--set-aside", str(file))
    assert code == 0, findings
    now = here.content()
    assert now["event"] == before["event"]
    assert now["seal"] == before["seal"]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(lines) == done["set_aside"] == len(after["event"]) - kept
    assert [line["position"] for line in lines] == list(range(kept + 1, kept + 1 + len(lines)))
    assert all(json.loads(line["event"])["subject"] == line["aggregate_id"] for line in lines)
    assert here.number("count(*) FROM store.claim c WHERE NOT EXISTS"
                       " (SELECT FROM store.event e WHERE e.aggregate_id = c.id)") == 0  # fmt: skip
    assert here.number("count(*) FROM store.claim") == len(before["claim"])
    lost = done["derived"]
    assert len(lost["persons_without_key"]) == 2
    assert len(lost["points_not_opened"]) == 1
    assert any("The keys of 2 persons are lost" in one for one in findings)

    here.until_state("leading")
    here.life("new")
    here.until_published()
    assert here.number(f"min(position) FROM store.event WHERE position > {head}") > done["sequence"]
    check(here)


def test_after_a_promotion_nothing_was_missing_and_work_goes_on(here: Installation, tmp_path: Path) -> None:
    """Given a standby that had everything and was promoted, then it is refused as long as nobody has looked,
    and the recovery says that nothing was missing."""
    here.life("early")
    here.relay()
    here.until_published()
    before, head = here.content(), here.head()
    here.fail_over(tmp_path / "standby")
    here.until_state("recovery_needed")
    with pytest.raises(RecoveryNeeded, match="on a server or timeline that it does not know"):
        here.life("late")
    code, _, findings = told(here.home, "doctor")
    assert any("does not know" in one and "`rapport store recover`" in one for one in findings)
    assert any("set max_prepared_transactions = 0" in one for one in findings)

    code, done, findings = told(here.home, "store", "recover")
    assert (code, findings) == (0, [])
    assert (done["new_incarnation"], done["events"], done["seals"]) == (True, 0, 0)
    assert here.content() == before
    here.life("late")
    assert here.number(f"min(position) FROM store.event WHERE position > {head}") > head
    here.until_published()
    check(here)
