"""The rows of the Maven files, normalised: pure functions from a line to a row.

A row's `normal` is what its digest is made of: the columns as they are meant, so that a corrected spelling is
no change. `original` keeps the spellings that were normalised, by column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from commands.imports.kit.fields import RowRefused, amount, midnight, required, shown, whole
from commands.imports.kit.table import Line
from commands.imports.maven_files.config import MavenConfig

ACCOUNTS: Final = (
    "account", "sector", "year_established", "revenue", "employees", "office_location", "subsidiary_of",
)  # fmt: skip
PRODUCTS: Final = ("product", "series", "sales_price")
TEAMS: Final = ("sales_agent", "manager", "regional_office")
DEALS: Final = (
    "opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date", "close_date",
    "close_value",
)  # fmt: skip

ATTRIBUTES: Final = ("sector", "year_established", "revenue", "employees", "office_location")
"""Columns of an account that are kept as the customer's attributes; revenue is in millions of dollars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MavenRow:
    """What all rows have: the line they stand on, what the file calls them, their normalised columns, and the
    spellings that were normalised."""

    line: int
    name: str
    normal: dict[str, str]
    original: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow(MavenRow):
    """An agent, or a manager, whom the files name beside each agent only."""

    manager: str | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow(MavenRow):
    """A product and its list price."""

    series: str | None
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow(MavenRow):
    """An organisation, with the name of its parent where it has one."""

    parent: str | None
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DealRow(MavenRow):
    """An opportunity, `name` being its id there; `stage` is the last one, `closed` None while it is open."""

    agent: str
    product: str
    account: str | None
    stage: str
    opened: datetime
    closed: datetime | None
    close_value: Decimal | None


def agent(line: Line, config: MavenConfig) -> AgentRow:
    """The agent on `line`."""
    normal, original = _normalised(line, TEAMS, config)
    return AgentRow(
        line=line.number,
        normal=normal,
        original=original,
        name=required("sales_agent", normal["sales_agent"]),
        manager=required("manager", normal["manager"]),
        region=normal["regional_office"] or None,
    )


def managers(agents: list[AgentRow]) -> list[AgentRow]:
    """The managers of `agents` who are no agents themselves, each on the line that first names them.

    A manager's region is that of the agents, where these have one in common.
    """
    named = {row.name for row in agents}
    regions: dict[str, set[str | None]] = {}
    first: dict[str, int] = {}
    for row in agents:
        if row.manager is not None and row.manager not in named:
            regions.setdefault(row.manager, set()).add(row.region)
            first.setdefault(row.manager, row.line)
    found = []
    for name, places in regions.items():
        region = next(iter(places)) if len(places) == 1 else None
        normal = {"manager": name, "regional_office": region or ""}
        found.append(
            AgentRow(line=first[name], normal=normal, original={}, name=name, manager=None, region=region)
        )
    return found


def product(line: Line, config: MavenConfig) -> ProductRow:
    """The product on `line`."""
    normal, original = _normalised(line, PRODUCTS, config)
    price = amount("sales_price", normal["sales_price"])
    if price is None:
        raise RowRefused("The sales_price is empty. Fill it in.")
    normal["sales_price"] = _plain(price)
    return ProductRow(
        line=line.number,
        normal=normal,
        original=original,
        name=required("product", normal["product"]),
        series=normal["series"] or None,
        price=price,
    )


def account(line: Line, config: MavenConfig) -> AccountRow:
    """The account on `line`."""
    normal, original = _normalised(line, ACCOUNTS, config)
    name = required("account", normal["account"])
    for column in ("year_established", "employees"):
        normal[column] = whole(column, normal[column])
    revenue = amount("revenue", normal["revenue"])
    normal["revenue"] = "" if revenue is None else _plain(revenue)
    if normal["subsidiary_of"] == name:
        raise RowRefused(f"{shown(name)} is named as its own parent. Correct subsidiary_of.")
    return AccountRow(
        line=line.number,
        normal=normal,
        original=original,
        name=name,
        parent=normal["subsidiary_of"] or None,
        attributes={column: normal[column] for column in ATTRIBUTES if normal[column]},
    )


def deal(line: Line, config: MavenConfig, stages: Mapping[str, tuple[str, str]]) -> DealRow:
    """The opportunity on `line`. `stages` maps a stage's name to its id and kind (open, won, lost)."""
    normal, original = _normalised(line, DEALS, config)
    known = stages.get(normal["deal_stage"])
    if known is None:
        raise RowRefused(
            f"The stage {shown(normal['deal_stage']) or '(empty)'} is unknown in the pipeline "
            f"{config.pipeline}; it has {', '.join(stages)}. Correct deal_stage, or configure the stage."
        )
    stage, kind = known
    opened = midnight("engage_date", normal["engage_date"]) or config.as_of
    closed = midnight("close_date", normal["close_date"])
    value = amount("close_value", normal["close_value"])
    if kind == "open":
        if closed is not None or value is not None:
            raise RowRefused(
                f"The stage is {normal['deal_stage']}, yet the row has a close. "
                "Correct deal_stage, or remove close_date and close_value."
            )
    elif closed is None:
        raise RowRefused(f"The stage is {normal['deal_stage']}, yet close_date is empty. Fill it in.")
    elif closed < opened:
        raise RowRefused(
            f"The close on {closed:%Y-%m-%d} precedes the opening on {opened:%Y-%m-%d}. Correct the dates."
        )
    elif kind == "won" and value is None:
        raise RowRefused("The deal is won, yet close_value is empty. Fill it in.")
    normal["close_value"] = "" if value is None else _plain(value)
    for column in ("engage_date", "close_date"):
        day = midnight(column, normal[column])
        normal[column] = "" if day is None else f"{day:%Y-%m-%d}"
    return DealRow(
        line=line.number,
        normal=normal,
        original=original,
        name=required("opportunity_id", normal["opportunity_id"]),
        agent=required("sales_agent", normal["sales_agent"]),
        product=required("product", normal["product"]),
        account=normal["account"] or None,
        stage=stage,
        opened=opened,
        closed=closed,
        close_value=value,
    )


def _normalised(
    line: Line, columns: tuple[str, ...], config: MavenConfig
) -> tuple[dict[str, str], dict[str, str]]:
    """The columns as they are meant, and those spellings that were changed."""
    normal = {column: config.normalise(column, line.fields[column]) for column in columns}
    return normal, {c: line.fields[c] for c in columns if line.fields[c] != normal[c]}


def _plain(number: Decimal) -> str:
    """1054 for 1054.00 and for 1054: the same amount has one digest."""
    return f"{number.normalize():f}"
