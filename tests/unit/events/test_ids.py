"""Ids that are derived: the same for ever, UUIDs of version 8, never two lists of parts for one id."""

from __future__ import annotations

import hashlib
import hmac
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events.ids import derived_id, event_id, interaction_id

KEY = bytes(range(32))
PARTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f")), min_size=1)
FROZEN = {
    ("interaction", "mail", "<1@example.org>"): "7b3f73da-7a3b-8d80-a0fb-05101bd3d7ad",
    ("interaction", "cdnow", "00001:1997-01-01:1:11.77:1"): "a134456b-d979-828e-83db-fc6c435ddce8",
    ("é",): "2445a1fe-5ea6-83a6-a788-fcd7694ae2e6",
    ("",): "d38b4209-6d80-845f-826b-44a9d5607de7",
}


@pytest.mark.parametrize("parts", FROZEN)
def test_derived_ids_are_frozen(parts: tuple[str, ...]) -> None:
    assert derived_id(KEY, *parts) == UUID(FROZEN[parts])


@given(PARTS)
def test_a_derived_id_is_a_version_8_uuid_made_of_the_hmac(parts: list[str]) -> None:
    derived = derived_id(KEY, *parts)
    assert derived.version == 8
    assert derived.variant == RFC_4122
    digest = hmac.new(KEY, "\x1f".join(parts).encode(), hashlib.sha256).digest()[:16]
    free = int.from_bytes(digest, "big") & ~(0xF << 76) & ~(0x3 << 62)
    assert derived.int & ~(0xF << 76) & ~(0x3 << 62) == free


@given(PARTS, PARTS)
def test_other_parts_give_another_id(one: list[str], other: list[str]) -> None:
    assert (derived_id(KEY, *one) == derived_id(KEY, *other)) == (one == other)


def test_another_key_gives_another_id() -> None:
    assert derived_id(KEY, "a") != derived_id(KEY[::-1], "a")


def test_parts_do_not_run_into_each_other() -> None:
    assert derived_id(KEY, "a", "bc") != derived_id(KEY, "ab", "c")
    with pytest.raises(ValueError, match="control character 0x1F"):
        derived_id(KEY, "a\x1fb")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        derived_id(KEY[:31], "a")


def test_an_interaction_is_known_by_its_source_and_external_id() -> None:
    assert interaction_id(KEY, "mail", "<1@example.org>") == derived_id(
        KEY, "interaction", "mail", "<1@example.org>"
    )


def test_an_event_is_known_by_its_aggregate_and_version() -> None:
    assert event_id(UUID(int=7), 12) == "00000000-0000-0000-0000-000000000007:12"
