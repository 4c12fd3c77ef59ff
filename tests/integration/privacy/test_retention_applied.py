"""Retention and rotation on the command line: what is listed is done, for good, and recorded."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from commands.privacy import holds
from commands.privacy.kek import FileKek, KekUnknown
from commands.privacy.keys import DESTROYED, Retention
from commands.privacy.retention import reapply
from deploy import key_encryption_keys as keks
from deploy.local.postgres import LocalPostgres
from deploy.secrets import Secrets
from deploy.settings import load
from deploy.wiring import wiring
from deploy.wiring.persons import acting
from domain.activities.interaction import events as interaction
from domain.customers.customer import events as customer
from domain.events.event import SYSTEM, Event
from domain.events.private import Unreadable
from domain.kernel.errors import Erased
from domain.kernel.values import Reference
from domain.privacy import retention as closings
from projections.release.schema import install
from tests.support.commanding import run, told
from tests.support.database import PARTITIONS, Urls, migrated, new_store
from tests.support.store import execute
from tests.support.vault import TOKEN, fake_vault

RULES = '[keep]\ninteraction-chat = "24 months"\n'
BASIS = "GDPR art. 17 (3) e"


class Installation:
    """A home folder with secrets, rules and the addresses of a store; events of one customer each."""

    def __init__(self, home: Path, urls: Urls) -> None:
        self.home = home
        self.urls = urls
        Secrets(home / "secrets").ensure()
        (home / "retention.toml").write_text(RULES)
        self.settings = {
            "RAPPORT_STORE_URL": urls.app,
            "RAPPORT_READ_URL": urls.app,
            "RAPPORT_RETENTION_FILE": str(home / "retention.toml"),
        }

    def wired(self) -> wiring.Wiring:
        return wiring.Wiring(load(home=self.home, store_url=self.urls.app, read_url=self.urls.app))

    def told(self, *words: str) -> Any:
        code, data, said = told(self.home, "privacy", *words, **self.settings)
        assert code == 0, said
        return data

    def refused(self, *words: str) -> str:
        code, said = run(self.home, "privacy", *words, **self.settings)
        assert code in (1, 2)
        return said

    def months(self, *words: str) -> list[tuple[str, str, int, bool, list[str]]]:
        """What `rapport privacy retention` lists."""
        return [
            (
                each["kind"],
                each["month"],
                each["events"],
                each["closed"],
                [h["reference"] for h in each["holds"]],
            )
            for each in self.told("retention", *words)["months"]
        ]


@pytest.fixture
def here(tmp_path: Path, fresh_database: str) -> Installation:
    return Installation(tmp_path, migrated(fresh_database, read_side=partial(install, partitions=PARTITIONS)))


def event(id: UUID, party: UUID, at: datetime, payload: Any) -> Event:
    return Event(
        originator_id=id, originator_version=1, party=party, time=at, recorded=at, correlation=id, cause=None,
        actor=SYSTEM, payload=payload,
    )  # fmt: skip


def said(kind: Any, party: UUID, month: str, *participants: UUID, body: str | None = "x") -> Event:
    """An interaction with a text of that kind and month."""
    id = uuid4()
    payload = interaction.Recorded(
        kind=kind, direction="inbound", channel="web", customer_id=party, participants=participants,
        body=body, reference=Reference(source="test", external_id=str(id)), source_digest="00",
        imported=False,
    )  # fmt: skip
    return event(id, party, datetime.fromisoformat(f"{month}-15T12:00:00+00:00"), payload)


def registered(id: UUID) -> Event:
    payload = customer.Registered(kind="organisation", organisation_name="Acme", attributes={}, original={})
    return event(id, id, datetime(2020, 1, 1, tzinfo=UTC), payload)


def bodies(here: Installation, events: list[Event]) -> list[Any]:
    """The texts as a process reads them that starts now."""
    with here.wired() as wired:
        streams = wired.crm.streams([each.originator_id for each in events])
        return [streams[each.originator_id][0].payload.body for each in events]


def what_nobody_can_have_meant_is_refused(here: Installation) -> None:
    """A day that is not over, and rules for no kind of text. A dry run may look ahead; without a rule all is
    kept."""
    ahead = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}"
    assert "Name an earlier day" in here.refused("retention", "--as-of", ahead)
    assert here.months("--as-of", ahead, "--dry-run") == []
    rules = here.home / "retention.toml"
    rules.write_text('[keep]\nchat = "24 months"\n')
    assert "There is no kind of text 'chat'" in here.refused("retention")
    rules.write_text("")
    code, text = run(here.home, "privacy", "retention", **here.settings)
    assert (code, "every text is kept" in text) == (0, True)
    rules.write_text(RULES)


def test_what_a_dry_run_lists_is_closed_for_good_unless_a_hold_keeps_it(here: Installation) -> None:
    """Given texts of several kinds and months, when retention runs, then exactly what the dry run listed is
    closed and recorded once; what a hold keeps is named and stays, until it is released; nothing can be
    recorded there again, and after older keys came back it is closed again."""
    what_nobody_can_have_meant_is_refused(here)
    acme, bolt, jane = uuid4(), uuid4(), uuid4()
    events = [
        said("chat", acme, "2020-01"), said("chat", bolt, "2020-01", bolt, acme),
        said("chat", bolt, "2020-02", acme), said("chat", bolt, "2020-03", jane),
        said("chat", bolt, "2020-04"),
    ]  # fmt: skip
    kept = [said("chat", bolt, "2020-06"), said("email", acme, "2019-01")]
    with here.wired() as wired:
        mute = said("chat", acme, "2020-01", body=None)
        wired.crm.record([registered(acme), registered(bolt), mute, *events, *kept])
        without_hold = here.months("--dry-run", "--as-of", "2022-06-15")
        assert without_hold == [
            ("interaction-chat", "2020-01", 2, False, []), ("interaction-chat", "2020-02", 1, False, []),
            ("interaction-chat", "2020-03", 1, False, []), ("interaction-chat", "2020-04", 1, False, []),
        ]  # fmt: skip
        why: Any = {"legal_basis": BASIS, "kind": None, "month": None, "party": None}
        context = acting("ada")
        first = holds.place(wired.crm, context, **{**why, "party": acme, "reference": "CASE-1"})
        holds.place(
            wired.crm, context,
            **{**why, "kind": "interaction-chat", "month": "2020-03", "reference": "CASE-2"},
        )  # fmt: skip
        holds.place(wired.crm, context, **{**why, "kind": "case", "reference": "CASE-3"})

    listed = here.months("--dry-run", "--as-of", "2022-06-15")
    assert [(month, held) for _, month, _, _, held in listed] == [
        ("2020-01", ["CASE-1"]), ("2020-02", ["CASE-1"]), ("2020-03", ["CASE-2"]), ("2020-04", []),
    ]  # fmt: skip
    assert bodies(here, [*events, *kept]) == ["x"] * 7
    before = execute(here.urls.admin, "SELECT month, wrapped FROM keys.retention_key WHERE month = '2020-04'")

    done = here.months("--as-of", "2022-06-15")
    assert done == [(*each[:3], not each[4], each[4]) for each in listed]
    closed = Unreadable("erased")
    assert bodies(here, [*events, *kept]) == ["x"] * 4 + [closed] + ["x"] * 2
    assert here.months("--as-of", "2022-06-15") == done[:3]
    with here.wired() as wired:
        holds.release(wired.crm, acting("ada"), first.id)
    assert [each[1] for each in here.months("--as-of", "2022-06-15") if each[3]] == ["2020-01", "2020-02"]
    assert here.months("--as-of", "2022-06-15") == [done[2]]
    assert bodies(here, [*events, *kept]) == [closed] * 3 + ["x", closed, "x", "x"]

    execute(here.urls.admin, "ALTER TABLE keys.retention_key DISABLE TRIGGER keep_tombstone")
    execute(here.urls.admin, "DELETE FROM keys.retention_key WHERE month = '2020-01'")
    execute(
        here.urls.admin,
        "UPDATE keys.retention_key SET wrapped = %s, state = 'active', destroyed = NULL WHERE month = %s",
        (before[0][1], before[0][0]),
    )
    execute(here.urls.admin, "ALTER TABLE keys.retention_key ENABLE TRIGGER keep_tombstone")
    assert bodies(here, events[4:]) == ["x"]
    with here.wired() as wired:
        months = [Retention("interaction-chat", f"2020-0{number}") for number in (4, 1, 2)]
        wired.applied.turn()
        assert reapply(wired.crm, wired.keys) == ()
        assert wired.keys.find(months) == dict.fromkeys(months, DESTROYED)
        with pytest.raises(Erased, match="kept as interaction-chat for 2020-01"):
            wired.crm.record([said("chat", bolt, "2020-01")])
        state = wired.crm.find(closings.evolve, closings.STREAM)
        assert state is not None
        assert state.applied == tuple(months)


@pytest.fixture
def without_read_side(tmp_path: Path, postgres: LocalPostgres) -> Iterator[Installation]:
    with new_store(postgres) as urls:
        yield Installation(tmp_path, urls)


def test_keys_are_rotated_from_file_to_file_to_the_environment_to_a_service(
    without_read_side: Installation,
) -> None:
    """Given an installation, when its keys are rotated to a new file, a prepared one, a variable and a
    service, then each time all are wrapped anew, the files say which is current, the former one stays, and it
    is recorded; what is not set is refused."""
    here = without_read_side
    party = uuid4()
    events = [said("email", party, f"2020-0{month}") for month in range(1, 8)]
    assert "no wrapped key" in here.refused("rotate")
    with here.wired() as wired:
        wired.crm.record([registered(party), *events])
    secrets = Secrets(here.home / "secrets")
    files = keks.KekFiles(secrets)
    (first,) = files.ids()
    settings = load(home=here.home, store_url=here.urls.app)
    assert keks.current(settings, secrets) == first
    with pytest.raises(KekUnknown, match=first):
        keks.current(settings.model_copy(update={"kek": "AAAA" * 10 + "AAA="}), Secrets(here.home / "none"))
    one = here.told("rotate")
    assert (one["from"], one["keys"], one["left"]) == (first, 8, 0)
    assert files.ids() == {one["to"]: "kek", first: f"kek-{first.removeprefix('file:')}"}
    assert keks.current(settings, secrets) == one["to"]
    made = here.told("rotate", "--prepare")
    assert "RAPPORT_VAULT_URL is not set" in here.refused("rotate", "--to", "service")
    two = here.told("rotate")
    assert (two["from"], two["to"], two["keys"]) == (one["to"], made["kek"], 8)
    assert files.ids()[made["kek"]] == "kek"
    assert "RAPPORT_KEK is not set" in here.refused("rotate", "--to", "environment")
    here.settings["RAPPORT_KEK"] = b64encode(b"e" * 32).decode()
    by_variable = here.told("rotate", "--to", "environment")
    assert (by_variable["from"], by_variable["to"]) == (made["kek"], FileKek(b"e" * 32).id)
    assert files.ids()[made["kek"]] == "kek"
    with fake_vault() as vault:
        (here.home / "token").write_text(TOKEN)
        here.settings |= {
            "RAPPORT_VAULT_URL": vault.url,
            "RAPPORT_VAULT_TOKEN_FILE": str(here.home / "token"),
        }
        three = here.told("rotate", "--to", "service")
        assert (three["from"], three["to"], three["keys"]) == (by_variable["to"], "vault:transit/rapport", 8)
        assert ("encrypt", 7) in vault.asked
        assert "current one already" in here.refused("rotate")
        with wiring.Wiring(
            load(
                home=here.home,
                store_url=here.urls.app,
                vault_url=vault.url,
                vault_token_file=here.home / "token",
            )
        ) as wired:
            read = [wired.crm.streams([each.originator_id])[each.originator_id] for each in events]
            assert [stream[0].payload.body for stream in read] == ["x"] * 7
    rotations = execute(
        here.urls.admin,
        "SELECT convert_from(event, 'UTF8')::jsonb->'data' FROM store.event"
        " WHERE type = 'crm.privacy.kek_rotated' ORDER BY position",
    )
    assert [data for (data,) in rotations] == [
        {"from_kek": each["from"], "to_kek": each["to"], "keys": 8} for each in (one, two, by_variable, three)
    ]
