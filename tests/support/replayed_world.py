"""A customer with a history in a real store, its seals, and the ways to ask for it: HTTP and command line."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from commands.store.event_reader import EventReader
from commands.store.seals import Seals
from commands.store.settings import store_settings
from consumers.relay.seals import seal_range
from deploy.secrets import PUBLIC, Secrets
from tests.support.commanding import told
from tests.support.database import PARTITIONS
from tests.support.http import ALL_PROJECTIONS, KEY, Api
from tests.support.working import KEY as SEAL_KEY

CHECKOUT = Path(__file__).parents[2]
ALONE = """
import socket, sys
def refuse(*given):
    raise OSError("a connection was tried")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from deploy.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@dataclass
class Audited:
    """A customer that a lead was converted to, with one merged into it, an opportunity linked, a case."""

    api: Api
    home: Path
    customer: str
    merged: str
    lead: str
    opportunity: str
    linked: str
    case: str

    def get(self, path: str, **query: Any) -> httpx.Response:
        """One question by HTTP."""
        return self.api.client.get(f"/v1/audit/{path}", params=query)

    def read(self, path: str, **query: Any) -> dict[str, Any]:
        """The body of an answer that must be 200."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def said(self, *words: str) -> tuple[int, Any, list[str]]:
        """`rapport audit ...` with --json."""
        return told(self.home, "audit", *words, **self.urls())

    def done(self, *words: str) -> Any:
        """The data of a command that must succeed."""
        code, data, findings = self.said(*words)
        assert code == 0, findings
        return data

    def urls(self) -> dict[str, str]:
        """The settings by which the command line finds the store."""
        url = self.api.urls.app
        return {"RAPPORT_STORE_URL": url, "RAPPORT_READ_URL": url, "RAPPORT_KEYS_URL": url}

    def records(self) -> dict[str, tuple[str, str]]:
        """Each kind of record: where it is by HTTP, and its id."""
        return {
            "customer": ("customers", self.customer),
            "lead": ("leads", self.lead),
            "opportunity": ("opportunities", self.opportunity),
            "case": ("cases", self.case),
        }

    def seal(self) -> None:
        """Seals what is not sealed yet, as the relay would."""
        urls = self.api.urls
        with EventReader(urls.relay) as follower, closing(Seals(urls.relay)) as seals:
            last = seals.last()
            rows = follower.read(last.last if last else 0, follower.high_water_mark(), limit=10_000)
            for at in range(0, len(rows), 4):
                made = seal_range(
                    rows[at : at + 4], last, store=store_settings(urls.app).store_id, partitions=PARTITIONS,
                    key=SEAL_KEY, now=datetime.now(UTC),
                )  # fmt: skip
                last = seals.append(made.record)


def told_to(api: Api, home: Path) -> Audited:
    """The story, told to the API; `home` gets the key files that the command line needs."""
    keys = Secrets(home / "secrets")
    keys.keep("kek", KEY.hex)
    keys.keep(PUBLIC, SEAL_KEY.public_key().public_bytes_raw().hex)
    customer = api.create("customers", kind="person", name="Zuse Plankalkuel")
    merged = api.create("customers", kind="person", name="Konrad Zuse")
    lead = api.create("leads", name="Zuse Plankalkuel", email="z3@example.org")
    case = api.create("cases", kind="complaint", priority=3, customer_id=customer, subject="Loud relays")
    linked = api.create("opportunities", pipeline="small")

    def change(collection: str, id: str, verb: str, **fields: Any) -> None:
        answer = api.change(collection, id, verb, **fields)
        assert answer.status_code == 200, answer.text

    change("leads", lead, "move", to_state="working")
    change("leads", lead, "move", to_state="qualified")
    change("leads", lead, "convert", pipeline="sales", customer_id=customer)
    opportunity: str = api.read("leads", lead)["opportunity_id"]
    change("opportunities", opportunity, "changeAmount", amount={"amount": "10", "currency": "USD"})
    change("opportunities", opportunity, "lose", reason="price", note="Far too dear")
    change("opportunities", linked, "linkCustomer", customer_id=customer)
    change("customers", customer, "change", name="Konrad Plankalkuel")
    change("customers", merged, "merge", survivor_id=customer)
    api.catch_up(projections=ALL_PROJECTIONS)
    found = Audited(api, home, customer, merged, lead, opportunity, linked, case)
    found.seal()
    return found


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`rapport ...` on what could be another machine: no settings, no home, no network."""
    return subprocess.run(
        [sys.executable, "-c", ALONE, *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
