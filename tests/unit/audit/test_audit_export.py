"""Raw exports: opened without keys they replay to the same state, and whatever is changed in one is found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from commands.audit.export import SealDiffers, decoded, raw, readable
from commands.audit.export_reader import ExportContents, NoExport, read
from commands.audit.history import Scope
from commands.audit.replay import Moment, state_at
from commands.audit.text_format import step_lines
from domain.events.seal import Seal
from domain.kernel.errors import NotFound
from tests.support.replayed import HistoriesInMemory, Sold, sealed
from tests.support.working import KEY

NOW = datetime(2026, 3, 10, tzinfo=UTC)
FROZEN = Path(__file__).parents[1] / "frozen" / "history" / "customer.raw.jsonl"
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"f" * 32)

Lines = list[bytes]


@cache
def sold() -> Sold:
    return Sold()


def histories(upto: int | None = None) -> HistoriesInMemory:
    return HistoriesInMemory(sold().rows, sealed(sold().rows, upto=upto))


@cache
def exported() -> tuple[bytes, ...]:
    return tuple(raw(histories(), sold().scope, KEY.public_key(), NOW))


def state_in(found: ExportContents, moment: Moment = Moment()) -> Any:  # noqa: B008 - it is frozen
    return state_at(found.kind, found.id, found.facts, moment).fields


def at_line(number: int, change: Callable[[dict[str, Any]], object]) -> Lines:
    """The export with one line's JSON changed."""
    lines = list(exported())
    content = orjson.loads(lines[number])
    change(content)
    lines[number] = orjson.dumps(content) + b"\n"
    return lines


def rewritten(lines: Sequence[bytes]) -> Lines:
    """The lines with a last one that fits them, as a forger would write it."""
    body = list(lines[:-1])
    contents = [orjson.loads(line) for line in body[1:]]
    events = [content for content in contents if "event" in content]
    end = {
        "events": len(events),
        "seals": len(contents) - len(events),
        "unsealed": sum(event["seal"] is None for event in events),
        "sha256": hashlib.sha256(b"".join(body)).hexdigest(),
    }
    return [*body, orjson.dumps({"end": end}) + b"\n"]


def of_events() -> list[int]:
    """The numbers of the lines that hold events."""
    return [n for n, line in enumerate(exported()) if b'"event"' in line]


def test_an_export_opened_without_keys_replays_to_the_same_states() -> None:
    found = read(exported())
    assert found.sound, found.faults
    assert (found.proven, found.unsealed) == (found.events, 0)
    assert found.events == len(list(histories().rows(sold().scope)))
    facts = histories().facts("customer", sold().customer)
    for version in range(1, len(facts) + 1):
        moment = Moment(version=version)
        assert state_in(found, moment) == state_at("customer", sold().customer, facts, moment).fields
    assert found.others[sold().opportunity] == 5
    assert b"Ada" not in b"".join(exported())


def test_what_was_not_sealed_is_counted_and_not_taken_for_proven() -> None:
    lines = list(raw(histories(upto=20), sold().scope, KEY.public_key(), NOW))
    found = read(lines)
    assert found.sound
    assert (found.proven, found.unsealed) == (10, found.events - 10)


def test_a_store_whose_events_are_not_those_sealed_is_not_exported_as_proven() -> None:
    rows = sold().rows
    changed = [row._replace(event=row.event.replace(b"ACME", b"AXME")) for row in rows]
    with pytest.raises(SealDiffers, match="positions 1 to 10 are not those of the seal 1"):
        list(raw(HistoriesInMemory(changed, sealed(rows)), sold().scope, KEY.public_key(), NOW))


def test_a_record_that_is_not_there_is_not_exported() -> None:
    with pytest.raises(NotFound):
        next(raw(histories(), Scope.of_record("case", sold().lead), KEY.public_key(), NOW))


@given(st.data())
def test_any_changed_byte_is_found(data: st.DataObject) -> None:
    whole = b"".join(exported())
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
    try:
        found = read(changed.splitlines(keepends=True))
    except NoExport:
        return
    assert not found.sound


def forged() -> dict[str, Lines]:
    """What a forger could do who knows the format and writes a last line that fits."""
    lines = list(exported())
    first, second, *_, last = of_events()
    inner = next(n for n in of_events() if orjson.loads(lines[n])["index"] > 0)
    return {
        "an event removed from the middle": lines[:second] + lines[second + 1 :],
        "an event moved": [*lines[:first], lines[second], lines[first], *lines[second + 1 :]],
        "an event twice": [*lines[:second], lines[second], *lines[second:]],
        "another position": at_line(inner, lambda line: line.update(position=line["position"] + 1)),
        "another index": at_line(inner, lambda line: line.update(index=line["index"] - 1)),
        "another path": at_line(inner, lambda line: line.update(path=[*line["path"], "00" * 32])),
        "another event": at_line(last, lambda line: line.update(event=orjson.loads(lines[first])["event"])),
        "no proof": at_line(inner, lambda line: line.update(seal=None)),
        "a seal's bytes": at_line(1, lambda line: line.update(seal=line["seal"][:-8] + "AAAAAAA=")),
        "another store": at_line(0, lambda line: line.update(store=str(sold().lead))),
        "another key": at_line(
            0, lambda line: line.update(public_key=OTHER_KEY.public_key().public_bytes_raw().hex())
        ),
        "another record": at_line(0, lambda line: line.update(id=str(sold().desk.new_id()))),
        "another kind": at_line(0, lambda line: line.update(kind="lead")),
        "no proof, ahead of its seal": [
            *lines[:1],
            at_line(first, lambda line: line.update(seal=None))[first],
            lines[1],
            *lines[first + 1 :],
        ],
        "a line of nothing": [*lines[:2], b"{}\n", *lines[2:]],
        "a line of no JSON": [*lines[:2], b"x\n", *lines[2:]],
    }


@pytest.mark.parametrize("what", list(forged()))
def test_a_forged_file_is_found_even_where_its_last_line_fits(what: str) -> None:
    lines = forged()[what]
    fits = rewritten(lines) if not any(line in (b"{}\n", b"x\n") for line in lines) else lines
    found = read(fits)
    assert not found.sound
    assert all(fault.fact.endswith(".") for fault in found.faults)


def test_events_without_proof_are_in_their_order_too() -> None:
    lines = list(
        raw(histories(upto=8), Scope.of_record("opportunity", sold().opportunity), KEY.public_key(), NOW)
    )
    assert read(lines).sound
    faults = read(rewritten([lines[0], lines[2], lines[1], *lines[3:]])).faults
    assert any("does not stand behind" in fault.fact for fault in faults)


def test_a_seal_made_while_a_history_is_exported_is_left_to_the_next_export() -> None:
    """Its events would stand behind others without proof, as in a file from which proofs were taken."""

    class Sealing(HistoriesInMemory):
        asked = 0

        def covering(self, position: int) -> Seal | None:
            self.asked += 1
            return super().covering(position) if self.asked != 2 else None

    found = read(raw(Sealing(sold().rows, sealed(sold().rows)), sold().scope, KEY.public_key(), NOW))
    assert found.sound
    assert (found.proven, found.seals) == (5, (1, 1))


def test_a_cut_file_and_one_that_goes_on_are_found() -> None:
    lines = list(exported())
    (cut,) = read(lines[:-1]).faults
    assert "truncated" in cut.fact
    assert not read([*lines, lines[-2]]).sound
    assert not read([*lines[:-2], lines[-1]]).sound


def test_the_key_one_was_given_counts_more_than_the_one_in_the_file() -> None:
    """A forger signs all anew with a key of his own, and names it in the file: only a key known otherwise
    shows that."""
    good = read(exported(), KEY.public_key())
    assert good.sound
    assert good.key_given
    assert not read(exported(), OTHER_KEY.public_key()).sound


@pytest.mark.parametrize(
    "lines",
    [[], [b"\n"], [b"{}\n"], [b'{"format": "another", "form": "raw", "kind": "customer"}\n'], [b"\xff\n"]],
)
def test_what_is_no_export_is_refused(lines: Lines) -> None:
    with pytest.raises(NoExport, match="audit export"):
        read(lines)


def test_a_decoded_export_is_not_taken_for_a_proof() -> None:
    lines = list(decoded(histories(), sold().scope, NOW))
    with pytest.raises(NoExport, match="holds no proofs"):
        read(lines)


def test_a_decoded_export_has_every_event_with_its_data() -> None:
    opened = HistoriesInMemory(sold().rows, cipher=sold().desk.crm.cipher)
    header, *events, end = map(orjson.loads, decoded(opened, sold().scope, NOW, lambda _: None))
    assert (header["format"], header["form"], header["opened"]) == ("rapport.history.v1", "decoded", True)
    assert end == {"end": {"events": len(events)}}
    assert events[0]["data"]["email"] == "ada@example.org"
    assert [event["position"] for event in events] == sorted(event["position"] for event in events)
    closed = b"".join(decoded(histories(), sold().scope, NOW))
    assert b"ada@example.org" not in closed
    assert b'"opened":false' in closed


def test_a_readable_export_tells_each_event_and_what_it_changed() -> None:
    text = b"".join(readable(histories(), sold().scope, NOW, step_lines)).decode()
    assert text.startswith(
        f"History of the customer {sold().customer}, exported 2026-03-10T00:00:00.000000Z\n"
    )
    assert "opportunity lost (reason: price)" in text
    assert "20 USD -> 10 USD" in text
    assert text.endswith(" events\n")


def test_the_frozen_export_is_read_for_ever() -> None:
    """Never change that file."""
    found = read(FROZEN.read_bytes().splitlines(keepends=True), KEY.public_key())
    assert found.sound, found.faults
    assert (found.kind, found.events, found.proven, found.unsealed) == ("customer", 16, 15, 1)
    state = state_in(found)
    assert (state["name"], state["state"], state["kind"]) == ("ACME", "active", "organisation")
    assert state["absorbed"] == ["00000000-0000-0000-0000-000000001002"]
