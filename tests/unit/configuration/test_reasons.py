"""Configured reasons: what a configuration must say, and that commands know those and no others."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from deploy.configuration.files import load_pipelines, load_reasons
from deploy.settings import CHECKOUT, SettingsProblem, load
from domain.configuration.reasons import DEFAULT, Reasons, parse
from domain.kernel.errors import Invalid
from domain.sales.lead import state as lead
from domain.sales.lead.commands import CreateLead, DisqualifyLead
from domain.service.case import events as case_events
from domain.service.case import state as case
from domain.service.case.commands import OpenCase, RejectCase
from tests.support.memory import Desk

OURS = Reasons(lead_disqualified=("too-small", "other"), case_rejected=("abuse", "other"))


def a_lead(desk: Desk) -> UUID:
    id: UUID = desk.do(CreateLead(company="Isdom")).id
    return id


def a_case(desk: Desk) -> UUID:
    id: UUID = desk.do(OpenCase(kind="incident")).id
    return id


def test_the_configuration_that_comes_with_the_program_is_the_default_and_an_empty_one_too() -> None:
    file = CHECKOUT / "deploy" / "configuration" / "reasons.toml"
    assert parse(tomllib.loads(file.read_text("utf-8"))) == DEFAULT
    assert parse({}) == DEFAULT


def test_a_list_that_is_given_is_all_of_it_and_one_that_is_not_stays() -> None:
    found = parse({"case": {"rejected": ["abuse"]}})
    assert found == Reasons(lead_disqualified=DEFAULT.lead_disqualified, case_rejected=("abuse",))


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"deal": {}}, "There is no table 'deal' of reasons. Name one of: lead, case."),
        ({"lead": ["spam"]}, "The reasons of a lead are not a table. Give it a list by the name disq"),
        ({"lead": {"rejected": ["spam"]}}, "There are no reasons 'rejected' of a lead. Name one of: disq"),
        (
            {"case": {"rejected": []}},
            "for which a case is rejected are not a list, or an empty one.",
        ),
        ({"case": {"rejected": "spam"}}, "are not a list, or an empty one. Give at least one."),
        ({"case": {"rejected": ["Not ours"]}}, "must each be a slug such as no-budget"),
        ({"case": {"rejected": [1]}}, "must each be a slug such as no-budget"),
        (
            {"lead": {"disqualified": ["spam", "spam"]}},
            "for which a lead is disqualified name one twice.",
        ),
    ],
)
def test_a_configuration_is_refused_with_what_is_wrong(document: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(document)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "load_file", "text", "reason"),
    [
        ("reasons", load_reasons, "[case]\nrejected = []\n", "are not a list, or an empty one."),
        ("reasons", load_reasons, "[case", "Expected"),
        ("reasons", load_reasons, None, "No such file or directory"),
        ("pipelines", load_pipelines, "[sales]\n", "The pipeline sales lacks stages."),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_to_do(
    tmp_path: Path, name: str, load_file: Any, text: str | None, reason: str
) -> None:
    file = tmp_path / f"{name}.toml"
    if text is not None:
        file.write_text(text)
    given: dict[str, Any] = {f"{name}_file": file}
    settings = load(home=tmp_path, **given)
    with pytest.raises(SettingsProblem) as refusal:
        load_file(settings)
    assert str(refusal.value).startswith(f"The {name} file {file} can't be used: ")
    assert reason in str(refusal.value)
    assert str(refusal.value).endswith(f"Correct it, or name another with RAPPORT_{name.upper()}_FILE.")


def test_a_reason_that_is_configured_is_taken_and_one_that_no_longer_is_is_not() -> None:
    desk = Desk(reasons=OURS)
    prospect, ticket = a_lead(desk), a_case(desk)
    with pytest.raises(Invalid, match=r"no reason 'no-need'. Name one of: too-small, other\."):
        desk.do(DisqualifyLead(id=prospect, reason="no-need"))
    with pytest.raises(Invalid, match=r"no reason 'spam'. Name one of: abuse, other\."):
        desk.do(RejectCase(id=ticket, reason="spam"))
    desk.do(DisqualifyLead(id=prospect, reason="too-small"))
    desk.do(RejectCase(id=ticket, reason="abuse"))
    assert desk.crm.load("lead", lead.evolve, prospect).disqualified_for == "too-small"
    assert desk.crm.load("case", case.evolve, ticket).rejected_for == "abuse"


def test_other_needs_a_note_which_is_private() -> None:
    desk = Desk(reasons=OURS)
    prospect, ticket = a_lead(desk), a_case(desk)
    moves: tuple[tuple[type[Any], str, UUID], ...] = (
        (DisqualifyLead, "id", prospect), (RejectCase, "id", ticket),
    )  # fmt: skip
    for move, target, id in moves:
        with pytest.raises(Invalid, match=r'The reason "other" needs a note\. Write what it was\.'):
            desk.do(move(**{target: id}, reason="other"))
        with pytest.raises(Invalid, match="The note is empty"):
            desk.do(move(**{target: id}, reason="other", note=" "))
        desk.do(move(**{target: id}, reason="other", note="Ada moved away."))
        assert desk.crm.events(id)[-1].payload.note == "Ada moved away."
    assert b"Ada" not in b"".join(encoded for _, _, encoded in desk.crm.stored)


def test_a_case_is_rejected_without_a_reason_or_with_a_note_alone() -> None:
    desk = Desk()
    silent, noted = a_case(desk), a_case(desk)
    desk.do(RejectCase(id=silent))
    desk.do(RejectCase(id=noted, note="Ada called it off."))
    assert desk.crm.events(silent)[-1].payload == case_events.Rejected(from_state="new")
    assert desk.crm.events(noted)[-1].payload.note == "Ada called it off."


def test_a_reason_that_was_taken_off_the_list_stays_where_it_was_named() -> None:
    before = Desk()
    ticket = a_case(before)
    before.do(RejectCase(id=ticket, reason="spam"))
    after = Desk(reasons=OURS)
    after.crm.stored = before.crm.stored
    assert after.crm.load("case", case.evolve, ticket).rejected_for == "spam"
