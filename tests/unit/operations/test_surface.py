"""What callers, operators and data teams rely on changes only on purpose."""

from __future__ import annotations

import pytest

from tests.support import surface, surface_schema


@pytest.mark.parametrize("name", surface.PARTS)
def test_the_public_surface_is_as_it_was_frozen(name: str) -> None:
    said = surface.difference(name, surface.PARTS[name]())
    assert not said, said


def test_every_frozen_file_is_compared() -> None:
    made = {*surface.PARTS, *(f"schema/{part}.sql" for part in surface_schema.NAMES)}
    there = {str(file.relative_to(surface.FOLDER)) for file in surface.FOLDER.rglob("*") if file.is_file()}
    assert there == made, "Run `make freeze`, and remove the files that it does not write."


def test_a_change_is_shown_with_what_to_do() -> None:
    """Given a route more than was frozen, then the message shows its line and names the command."""
    said = surface.difference("routes.txt", surface.routes() + "GET /v1/new new crm:read\n")
    assert "If the change is meant, run `make freeze` and read the diff." in said
    assert said.endswith("\n+GET /v1/new new crm:read")
