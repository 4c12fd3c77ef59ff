"""Every event version ever written has a frozen example, which is read for ever. Never change such a file."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from domain.events.catalogue import CATALOGUE
from domain.events.envelope import decode, encode
from domain.events.private import METADATA
from domain.events.registry import EventType
from tests.support.memory import OpenCipher
from tests.support.payloads import example, example_event, fields_of

FOLDER = Path(__file__).parents[1] / "frozen" / "events"
FILES = sorted(FOLDER.glob("*.json"))
VERSIONS = [(kind.name, version) for kind in CATALOGUE.types for version in range(1, kind.version + 1)]

# What an old version reads as: its upcast data, written out by hand.
UPCAST = {
    "crm.customer.registered.1": {
        "kind": "person",
        "organisation_name": "organisation-name",
        "parent_id": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "owner_id": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "attributes": {"sector": "technology"},
        "original": {"sector": "technology"},
        "references": [{"source": "maven", "external_id": "external-id"}],
        "tags": ["tags"],
        "preferences": {},
    },
    "crm.case.rejected.1": {"from_state": "new", "reason": "reason"},
    "crm.product.registered.1": {
        "name": "name",
        "series": "series",
        "list_price": {"amount": "550", "currency": "USD"},
        "references": [],
    },
}


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_every_registered_version_has_a_frozen_example(name: str, version: int) -> None:
    assert (FOLDER / f"{name}.{version}.json").is_file(), (
        f"{name} version {version} has no frozen example. Run `make freeze`, which writes that of the newest "
        "version; it is never changed again."
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_frozen_example_is_read(file: Path) -> None:
    name, version = file.stem.rsplit(".", 1)
    encoded = file.read_bytes().strip()
    written = orjson.loads(encoded)
    event = decode(encoded, CATALOGUE, OpenCipher())

    assert (name, int(version)) in VERSIONS, f"{file.name} is of a type or version that was taken away."
    assert written["type"] == name
    assert written["dataschema"] == f"urn:rapport:{name}:{version}"
    kind = CATALOGUE.named(name)
    assert type(event.payload) is kind.payload
    if int(version) == kind.version:
        assert encode(event, CATALOGUE, OpenCipher()) == encoded, "It is written differently than it was."
    else:
        data, _ = CATALOGUE.split(event)
        assert data == UPCAST[file.stem]


@pytest.mark.parametrize("kind", CATALOGUE.types, ids=lambda kind: kind.name)
def test_the_newest_frozen_example_holds_every_field(kind: EventType) -> None:
    file = FOLDER / f"{kind.name}.{kind.version}.json"
    assert file.is_file(), f"{file.name} is missing: run `make freeze`"
    encoded = file.read_bytes().strip()
    newest = decode(encoded, CATALOGUE, OpenCipher())
    assert newest == example_event(example(kind.payload)), (
        f"The payload of {kind.name} differs from its frozen example. Give it version {kind.version + 1} "
        "with an upcaster and run `make freeze`; or undo the change."
    )
    empty = [name for name in fields_of(kind.payload) if getattr(newest.payload, name) is None]
    assert not empty, f"The example lacks {', '.join(empty)}."


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_frozen_example_shows_a_private_value(file: Path) -> None:
    written = orjson.loads(file.read_bytes())
    private = written["data"].pop("private", {})
    kind = CATALOGUE.named(written["type"])
    marked = {name for name, (field, _) in fields_of(kind.payload).items() if METADATA in field.metadata}
    private_names = {name for part in private.get("persons", {}).values() for name in part}
    private_names |= set(private.get("text", {}).get("fields", {}))
    newest = written["dataschema"].endswith(f":{kind.version}")
    assert private_names == marked if newest else private_names <= marked
    assert "Ada" not in orjson.dumps(written).decode()
