"""Page tokens: sealed, bound to their list, its arguments and the version of the read model."""

import base64

import pytest

from api.http.page_tokens import Page, PageTokens
from api.http.problems import Problem

KEY = bytes(range(32))
ARGUMENTS = {"stage": "engaging", "order_by": "-amount"}
AFTER = ("550", "0d1f2a34-0000-4000-8000-000000000001")


def token(version: int = 1, listing: str = "opportunities") -> str:
    return PageTokens(KEY).seal(listing, version, ARGUMENTS, AFTER)


def test_a_token_gives_back_what_was_sealed() -> None:
    assert PageTokens(KEY).open(token(), "opportunities", 1, ARGUMENTS) == Page(ARGUMENTS, AFTER)


def test_a_token_alone_carries_the_arguments_of_its_list() -> None:
    assert PageTokens(KEY).open(token(), "opportunities", 1, {}).arguments == ARGUMENTS


def test_a_token_shows_nothing_of_what_it_holds() -> None:
    sealed = token()
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    assert b"engaging" not in raw
    assert token() != sealed, "two tokens of the same place must not be comparable"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"stage": "won"}, "stage"),
        ({"stage": "engaging", "owner_id": "x"}, "owner_id"),
        ({"order_by": "amount"}, "order_by"),
    ],
)
def test_other_arguments_beside_a_token_are_refused_by_name(arguments: dict[str, str], named: str) -> None:
    with pytest.raises(Problem) as refused:
        PageTokens(KEY).open(token(), "opportunities", 1, arguments)
    assert refused.value.code == "page-token"
    assert refused.value.status_code == 400
    assert named in refused.value.detail


def test_a_token_of_another_list_does_not_open() -> None:
    with pytest.raises(Problem, match="not one of this list"):
        PageTokens(KEY).open(token(listing="customers"), "opportunities", 1, {})


def test_a_token_of_another_version_says_that_the_list_was_rebuilt() -> None:
    with pytest.raises(Problem, match="rebuilt"):
        PageTokens(KEY).open(token(version=1), "opportunities", 2, {})


def test_a_token_of_another_key_does_not_open() -> None:
    with pytest.raises(Problem, match="not one of this list"):
        PageTokens(bytes(32)).open(token(), "opportunities", 1, {})


@pytest.mark.parametrize("position", [0, 11, 12, 40, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    sealed = token()
    raw = bytearray(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
    raw[position] ^= 1
    changed = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    with pytest.raises(Problem) as refused:
        PageTokens(KEY).open(changed, "opportunities", 1, {})
    assert refused.value.code == "page-token"


@pytest.mark.parametrize("rubbish", ["", "a", "====", "ä", "AAAA", "A" * 2000, "<script>", "rk_x"])
def test_rubbish_is_refused_and_not_quoted(rubbish: str) -> None:
    with pytest.raises(Problem) as refused:
        PageTokens(KEY).open(rubbish, "opportunities", 1, {})
    assert refused.value.code == "page-token"
    assert len(rubbish) < 3 or rubbish not in refused.value.detail
