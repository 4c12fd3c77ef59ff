"""The rows of the Maven files: what is normalised, what is refused and with which sentence."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.imports.kit.fields import RowRefused
from commands.imports.kit.report import ImportRefused
from commands.imports.kit.table import Line, read_table
from commands.imports.maven_files import config as maven_config
from commands.imports.maven_files import rows as maven_rows

CONFIG = maven_config.load()
STAGES = {
    "Prospecting": ("prospecting", "open"),
    "Engaging": ("engaging", "open"),
    "Won": ("won", "won"),
    "Lost": ("lost", "lost"),
}
WON = {
    "opportunity_id": "1C1I7A6R", "sales_agent": "Moses Frase", "product": "GTX Plus Basic",
    "account": "Cancity", "deal_stage": "Won", "engage_date": "10/20/2016", "close_date": "3/1/2017",
    "close_value": "1054",
}  # fmt: skip
ACCOUNT = {
    "account": "Bioholding", "sector": "medical", "year_established": "2012", "revenue": "587.34",
    "employees": "1356", "office_location": "Philipines", "subsidiary_of": "",
}  # fmt: skip
DATA = Path("deploy/demo/data/maven-crm")


def deal(**changed: str) -> maven_rows.DealRow:
    return maven_rows.deal(Line("sales_pipeline.csv", 2, {**WON, **changed}), CONFIG, STAGES)


def account(**changed: str) -> maven_rows.AccountRow:
    return maven_rows.account(Line("accounts.csv", 2, {**ACCOUNT, **changed}), CONFIG)


def product(**changed: str) -> maven_rows.ProductRow:
    fields = {"product": "GTX Basic", "series": "GTX", "sales_price": "550", **changed}
    return maven_rows.product(Line("products.csv", 2, fields), CONFIG)


def test_a_won_deal_opens_and_closes_at_midnight_utc() -> None:
    """Dates are month/day/year, values are exact decimals."""
    row = deal()
    assert (row.opened, row.closed) == (datetime(2016, 10, 20, tzinfo=UTC), datetime(2017, 3, 1, tzinfo=UTC))
    assert (row.stage, row.close_value, row.account) == ("won", Decimal(1054), "Cancity")
    assert row.original == {}


def test_an_undated_deal_opens_on_the_configured_day() -> None:
    """Not on today's: a second import must find the same."""
    row = deal(deal_stage="Prospecting", engage_date="", close_date="", close_value="", account="")
    assert row.opened == datetime(2017, 12, 31, tzinfo=UTC)
    assert (row.closed, row.close_value, row.account) == (None, None, None)


def test_spellings_are_normalised_and_the_original_is_kept() -> None:
    """`GTXPro`, `technolgy` and `Philipines` are the real ones; each only in its own column."""
    assert (deal(product="GTXPro").product, deal(product="GTXPro").original) == (
        "GTX Pro",
        {"product": "GTXPro"},
    )
    row = account(sector="technolgy")
    assert row.attributes["sector"] == "technology"
    assert row.attributes["office_location"] == "Philippines"
    assert row.original == {"sector": "technolgy", "office_location": "Philipines"}
    assert account(account="Philipines").name == "Philipines"


@pytest.mark.parametrize(
    "written",
    [{"product": "GTXPro"}, {"close_value": "1054.00"}, {"close_date": "03/01/2017"}],
    ids=["spelling", "decimals", "leading zeros"],
)
def test_the_same_row_written_another_way_has_the_same_normal_form(written: dict[str, str]) -> None:
    """Otherwise a file saved once more by a spreadsheet would look changed in every row."""
    plain = {"product": "GTX Pro"} if "product" in written else {}
    assert deal(**written).normal == deal(**plain).normal
    assert deal(close_value="1055").normal != deal().normal


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"deal_stage": "Negotiating"}, "The stage Negotiating is unknown in the pipeline maven; it has "
         "Prospecting, Engaging, Won, Lost."),
        ({"deal_stage": ""}, "The stage (empty) is unknown"),
        ({"close_value": "-5"}, "The close_value -5 is negative."),
        ({"close_value": "1,054"}, "The close_value 1,054 is not an amount."),
        ({"close_value": "NaN"}, "The close_value NaN is not an amount."),
        ({"close_value": "1e9"}, "The close_value 1e9 is not an amount."),
        ({"close_value": "٣"}, "The close_value ٣ is not an amount."),
        ({"close_value": ""}, "The deal is won, yet close_value is empty."),
        ({"close_date": "10/19/2016"}, "The close on 2016-10-19 precedes the opening on 2016-10-20."),
        ({"close_date": ""}, "The stage is Won, yet close_date is empty."),
        ({"close_date": "2/30/2017"}, "The close_date 2/30/2017 is not a date."),
        ({"close_date": "2017-03-01"}, "The close_date 2017-03-01 is not a date."),
        ({"close_date": "13/1/2017"}, "The close_date 13/1/2017 is not a date."),
        ({"engage_date": "tomorrow" * 50}, "The engage_date tomorrowtomorrowtomorrowtomorrowtomorrow… is no"),
        ({"deal_stage": "Engaging"}, "The stage is Engaging, yet the row has a close."),
        ({"opportunity_id": ""}, "The opportunity_id is empty."),
        ({"opportunity_id": "X" * 201}, "The opportunity_id has 201 characters; at most 200 are allowed."),
        ({"sales_agent": ""}, "The sales_agent is empty."),
        ({"product": ""}, "The product is empty."),
    ],
)  # fmt: skip
def test_a_deal_that_cannot_be_is_refused(changed: dict[str, str], says: str) -> None:
    """Each sentence names the column and what stood there, and ends with what to do."""
    with pytest.raises(RowRefused) as refused:
        deal(**changed)
    assert str(refused.value).startswith(says)
    assert str(refused.value).endswith((".", "2017."))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"account": ""}, "The account is empty."),
        ({"employees": "many"}, "The employees many is not a whole number."),
        ({"year_established": "-5"}, "The year_established -5 is not a whole number."),
        ({"revenue": "-1.5"}, "The revenue -1.5 is negative."),
        ({"subsidiary_of": "Bioholding"}, "Bioholding is named as its own parent."),
    ],
)
def test_an_account_that_cannot_be_is_refused(changed: dict[str, str], says: str) -> None:
    """What is empty may stay empty, but the name."""
    assert account(employees="", revenue="", year_established="").attributes.keys() == {
        "sector",
        "office_location",
    }
    with pytest.raises(RowRefused) as refused:
        account(**changed)
    assert str(refused.value).startswith(says)


def test_a_product_needs_a_name_and_a_price() -> None:
    """A list price of 0 is a price, an empty one is not."""
    assert product(sales_price="0").price == 0
    for changed in ({"sales_price": ""}, {"sales_price": "-1"}, {"product": ""}):
        with pytest.raises(RowRefused):
            product(**changed)


def test_managers_stand_beside_their_agents_and_have_their_region_where_it_is_one() -> None:
    """Managers have no rows of their own; one who is an agent as well is not made twice."""

    def agent(number: int, name: str, manager: str, region: str) -> maven_rows.AgentRow:
        fields = {"sales_agent": name, "manager": manager, "regional_office": region}
        return maven_rows.agent(Line("sales_teams.csv", number, fields), CONFIG)

    rows = [agent(2, "A", "M", "East"), agent(3, "B", "M", "East"), agent(4, "C", "N", "East")]
    rows += [agent(5, "D", "N", "West"), agent(6, "E", "A", "West")]
    found = maven_rows.managers(rows)
    assert [(row.name, row.region, row.line) for row in found] == [("M", "East", 2), ("N", None, 4)]


def test_the_real_files_hold_no_row_that_is_refused() -> None:
    """8,800 deals by stage as the data's page states them, 1,480 of them with a misspelt product."""
    lines = read_table(DATA, "sales_pipeline.csv", maven_rows.DEALS)
    assert lines.problems == []
    deals = [maven_rows.deal(line, CONFIG, STAGES) for line in lines.lines]
    assert Counter(row.stage for row in deals) == {
        "won": 4238,
        "lost": 2473,
        "engaging": 1589,
        "prospecting": 500,
    }
    assert sum(bool(row.original) for row in deals) == 1480
    accounts = read_table(DATA, "accounts.csv", maven_rows.ACCOUNTS).lines
    assert sum(bool(maven_rows.account(line, CONFIG).original) for line in accounts) == 13


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"pipeline": "maven"}, "The import's configuration lacks 'currency'."),
        ({"pipeline": 5}, "pipeline in the import's configuration must be a text."),
        ({"as_of": "2017-12-31"}, "as_of in the import's configuration must be a date"),
    ],
)
def test_a_wrong_configuration_is_refused(document: dict[str, Any], says: str) -> None:
    """A date in quotes is the usual mistake in TOML."""
    whole = {"pipeline": "maven", "currency": "USD", "lost_reason": "x", **document}
    if "currency" in says:
        del whole["currency"]
    with pytest.raises(ImportRefused) as refused:
        maven_config.parse(whole)
    assert str(refused.value).startswith(says)


def test_a_configuration_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    """The sentence names the file."""
    (tmp_path / "x.toml").write_text("pipeline = ")
    for name in ("x.toml", "missing.toml"):
        with pytest.raises(ImportRefused, match=name):
            maven_config.load(tmp_path / name)
