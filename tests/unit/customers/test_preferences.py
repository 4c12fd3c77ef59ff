"""What a customer prefers: keys and forms, set at the registration, changed with old and new value."""

from __future__ import annotations

from uuid import UUID

import pytest

from commands.audit.replay import Moment, diff, fact_of, state_at
from commands.audit.timeline import state_json
from commands.privacy.no_key_cipher import NoKeyCipher
from domain.customers.customer import state as customer
from domain.customers.customer.commands import ChangeCustomer, RegisterCustomer
from domain.customers.customer.preferences import PREFERENCES, preferences
from domain.kernel.errors import Invalid
from domain.kernel.values import FieldChange
from tests.support.memory import Desk

GIVEN = {
    "language": "PT-br", "channel": "phone", "contact_days": "fri, mon",
    "contact_hours": "09:00-12:00, 14:00-24:00", "time_zone": "America/Sao_Paulo",
}  # fmt: skip
KEPT = GIVEN | {
    "language": "pt-BR", "contact_days": "mon,fri", "contact_hours": "09:00-12:00,14:00-24:00",
}  # fmt: skip


def registered(desk: Desk, **given: str) -> UUID:
    id: UUID = desk.do(RegisterCustomer(kind="person", name="Ada Lovelace", preferences=given)).id
    return id


def state(desk: Desk, id: UUID) -> dict[str, str]:
    return dict(desk.crm.load("customer", customer.evolve, id).preferences)


def test_each_key_has_a_form_and_is_spelled_one_way() -> None:
    assert set(GIVEN) == set(PREFERENCES)
    assert preferences(GIVEN) == KEPT
    assert preferences(KEPT) == KEPT


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("language", ("de", "zh-Hant-TW", "es-419", "gsw")),
        ("contact_days", ("sun", "mon,tue,wed,thu,fri,sat,sun")),
        ("contact_hours", ("00:00-24:00", "07:30-08:00")),
        ("time_zone", ("UTC", "Etc/GMT+5", "America/Argentina/Ushuaia")),
    ],
)
def test_a_value_of_the_form_stays_as_it_is(name: str, values: tuple[str, ...]) -> None:
    for value in values:
        assert preferences({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("colour", "red", "There is no preference 'colour'. Name one of: language, channel, contact_days,"),
        ("language", "German", "Give a language tag such as de, pt-BR or zh-Hant-TW."),
        ("language", "de_DE", "Give a language tag"),
        ("language", "ask Ada", "Give a language tag"),
        ("channel", "Phone of Ada", "Give one of: phone, email, sms, chat, letter, visit, social."),
        ("contact_days", "monday", "Give days, each once, such as mon,tue,fri"),
        ("contact_days", "mon,mon", "Give days, each once"),
        ("contact_days", "mon,", "Give days, each once"),
        ("contact_hours", "9-12", "Give up to 4 spans of a day in their order"),
        ("contact_hours", "12:00-09:00", "Give up to 4 spans"),
        ("contact_hours", "09:00-12:00,11:00-13:00", "Give up to 4 spans"),
        ("contact_hours", "25:00-26:00", "Give up to 4 spans"),
        ("contact_hours", ",".join(f"0{n}:00-0{n}:30" for n in range(5)), "Give up to 4 spans"),
        ("time_zone", "half past ten", "Give a time zone's name such as Europe/Berlin."),
        ("time_zone", "../../etc/passwd", "Give a time zone's name"),
        ("language", " ", "The preference language is empty."),
        ("channel", "a\x00", "holds a control character"),
        ("channel", "x" * 501, "at most 500 are allowed"),
    ],
)
def test_open_texts_are_refused_with_the_form_and_not_repeated(name: str, value: str, sentence: str) -> None:
    """They could hold personal data, and preferences stand in clear."""
    with pytest.raises(Invalid) as refusal:
        preferences({name: value})
    assert sentence in str(refusal.value)
    assert "Ada" not in str(refusal.value)


def test_they_are_kept_from_the_registration_on() -> None:
    desk = Desk()
    ada = registered(desk, **GIVEN)
    assert desk.crm.events(ada)[0].payload.preferences == KEPT
    assert state(desk, ada) == KEPT
    assert state(desk, registered(desk)) == {}


def test_a_change_names_the_old_and_new_value_of_each_and_keeps_the_others() -> None:
    desk = Desk()
    ada = registered(desk, language="de", channel="phone", contact_days="mon")
    desk.do(
        ChangeCustomer(
            id=ada,
            preferences={"language": "EN", "contact_hours": "09:00-12:00", "contact_days": "mon"},
            remove=("preferences.channel", "preferences.time_zone"),
        )
    )
    assert set(desk.crm.events(ada)[-1].payload.changes) == {
        FieldChange(field="preferences.language", old="de", new="en"),
        FieldChange(field="preferences.contact_hours", new="09:00-12:00"),
        FieldChange(field="preferences.channel", old="phone"),
    }
    assert state(desk, ada) == {"language": "en", "contact_days": "mon", "contact_hours": "09:00-12:00"}


def test_the_audit_has_them_in_the_state_of_each_version_and_in_the_difference() -> None:
    desk = Desk()
    ada = registered(desk, language="de", channel="phone")
    desk.do(ChangeCustomer(id=ada, preferences={"language": "en"}, remove=("preferences.channel",)))
    facts = [
        fact_of(at, event, NoKeyCipher(), opened=False) for at, (*_, event) in enumerate(desk.crm.stored, 1)
    ]
    for version, kept in ((1, {"language": "de", "channel": "phone"}), (2, {"language": "en"})):
        found = state_json(state_at("customer", ada, facts, Moment(version=version)))
        assert found["state"]["preferences"] == kept
    differences = diff(facts, Moment(version=1), Moment())
    assert {each.field: (each.before, each.after) for each in differences} == {
        "preferences.language": ("de", "en"),
        "preferences.channel": ("phone", None),
    }


def test_what_is_so_already_is_not_recorded_however_it_is_spelled() -> None:
    desk = Desk()
    ada = registered(desk, language="pt-BR")
    outcome = desk.do(
        ChangeCustomer(id=ada, preferences={"language": "PT-br"}, remove=("preferences.channel",))
    )
    assert (outcome.version, outcome.position) == (1, 0)


def test_a_key_that_there_is_not_can_be_neither_given_nor_removed() -> None:
    desk = Desk()
    ada = registered(desk)
    for given in ({"preferences": {"colour": "red"}}, {"remove": ("preferences.colour",)}):
        with pytest.raises(Invalid, match="There is no preference 'colour'"):
            desk.do(ChangeCustomer(id=ada, **given))
    with pytest.raises(Invalid, match=r"Name parent_id, attributes\.<name> or preferences\.<name>\."):
        desk.do(ChangeCustomer(id=ada, remove=("name",)))


def test_a_time_zone_that_there_is_not_is_refused() -> None:
    desk = Desk()
    ada = registered(desk)
    for command in (
        RegisterCustomer(kind="person", name="Bob", preferences={"time_zone": "Europe/Atlantis"}),
        ChangeCustomer(id=ada, preferences={"time_zone": "Europe"}),
    ):
        with pytest.raises(Invalid, match=r"no time zone of that name. Name one such as Europe/Berlin"):
            desk.do(command)
    assert len(desk.crm.stored) == 1
