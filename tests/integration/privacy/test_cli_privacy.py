"""`rapport privacy erase|export|hold|certificate`: what they say, refuse, and leave behind."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest

from deploy.local.postgres import LocalPostgres
from deploy.secrets import Secrets
from deploy.settings import load
from deploy.wiring import wiring
from deploy.wiring.persons import acting
from domain.customers.contact.commands import RegisterContact
from domain.customers.customer.commands import RegisterCustomer
from projections.release.schema import install
from tests.support.commanding import run, told
from tests.support.database import PARTITIONS, migrated
from tests.support.http import database
from tests.support.store import execute

BASIS = ("--reason", "objection", "--legal-basis", "GDPR art. 17 (1) c")


@pytest.fixture(scope="module")
def home(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installation whose read models are said to have passed every position of this test."""
    folder = tmp_path_factory.mktemp("home")
    Secrets(folder / "secrets").ensure()
    with database(postgres, "cli_privacy") as url:
        at = migrated(url, read_side=partial(install, partitions=PARTITIONS))
        execute(at.admin, "UPDATE control.share SET position = 1000000")
        addresses = {"RAPPORT_STORE_URL": at.app, "RAPPORT_READ_URL": at.app}
        with patch.dict(os.environ, addresses):
            yield folder


@pytest.fixture
def person(home: Path) -> str:
    """A person with a contact."""
    with wiring.Wiring(load(home=home)) as wired:
        made = wired.commands.execute(RegisterCustomer(kind="person", name="Zerlina"), acting(None)).id
        wired.commands.execute(RegisterContact(customer_id=made, name="Zerlina"), acting(None))
    return str(made)


def test_a_person_is_erased_once_asked_for_in_full(home: Path, person: str, tmp_path: Path) -> None:
    code, planned, _ = told(home, "privacy", "erase", "customer", person, "--dry-run")
    assert (code, planned["customers"], len(planned["keys"])) == (0, [person], 2)
    for words in ((), BASIS, ("--yes",)):
        code, said = run(home, "privacy", "erase", "customer", person, *words)
        assert code == 2, said

    file = tmp_path / "known.zip"
    code, exported, _ = told(home, "privacy", "export", "customer", person, "--file", str(file))
    assert (code, exported["sections"]["profile"], exported["sections"]["contacts"]) == (0, 1, 1)
    assert "Zerlina" in zipfile.ZipFile(file).read("person.html").decode()
    assert file.stat().st_mode & 0o077 == 0

    code, done, _ = told(home, "privacy", "erase", "customer", person, *BASIS, "--yes")
    assert (code, done["parties"], done["repeated"]) == (0, [person], False)
    code, again, _ = told(home, "privacy", "erase", "customer", person)
    assert (code, again["erasure"], again["repeated"]) == (0, done["erasure"], True)
    code, resumed, _ = told(home, "privacy", "erase", "--resume")
    assert (code, resumed) == (0, {"finished": [], "destroyed_again": 0})
    code, early = run(home, "privacy", "certificate", done["erasure"])
    assert (code, "remember a destroyed key" in early) == (1, True), early


def test_a_hold_is_placed_listed_named_and_released(home: Path, person: str) -> None:
    words = ("--reference", "LIT-9", "--legal-basis", "litigation")
    code, said = run(home, "privacy", "hold", "place", *words)
    assert (code, "Name one of the two" in said) == (1, True), said
    code, said = run(home, "privacy", "hold", "place", "--party", str(uuid4()), *words)
    assert (code, "There is no record" in said) == (1, True), said
    code, placed, _ = told(home, "privacy", "hold", "place", "--party", person, *words)
    assert (code, placed["reference"]) == (0, "LIT-9")
    assert told(home, "privacy", "hold", "list")[1] == {"holds": [placed]}
    code, said = run(home, "privacy", "erase", "customer", person, *BASIS, "--yes")
    assert (code, placed["id"] in said) == (1, True), said
    assert told(home, "privacy", "hold", "release", placed["id"])[0] == 0
    assert told(home, "privacy", "hold", "list")[1] == {"holds": []}


def test_a_certificate_is_checked_without_a_store_and_against_one(home: Path) -> None:
    """Given one that another installation issued, then it is whole, and this store knows nothing of it."""
    file = str(Path(__file__).parents[2] / "unit" / "frozen" / "certificate" / "1.json")
    with patch.dict(os.environ, {"RAPPORT_STORE_URL": ""}):
        code, found, (only,) = told(home, "privacy", "certificate", "--verify", file)
    assert (code, found["store_asked"]) == (0, False)
    assert "Only the signature was checked" in only
    code, found, (key, unrecorded, back) = told(home, "privacy", "certificate", "--verify", file)
    assert (code, found["store_asked"]) == (1, True)
    assert "signed with another key" in key
    assert "has not recorded" in unrecorded
    assert "are there again" in back
