"""Imports the Maven CRM files: rows into histories, histories through the command handlers.

Principals come first, then products and customers (parents before their subsidiaries), then opportunities,
which name them. What is there already is found by its claim, so a run that was killed is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from commands.imports.kit.declaration import Import
from commands.imports.kit.fields import RowRefused, shown
from commands.imports.kit.report import ImportRefused
from commands.imports.kit.table import read_table

if TYPE_CHECKING:
    from commands.bulk.items import History
    from commands.imports.kit.run import ImportRun, ImportStep
    from commands.imports.maven_files.config import MavenConfig
    from commands.imports.maven_files.rows import AccountRow, AgentRow, DealRow, MavenRow
    from domain.configuration.pipelines import Pipeline, Pipelines

BATCH_ROWS: Final = 250
"""Rows that are recorded together."""

Row = TypeVar("Row", bound="MavenRow")


def import_maven(run: ImportRun, folder: Path) -> None:
    """Imports `accounts`, `products`, `sales_teams` and `sales_pipeline` (`.csv` or `.csv.gz`) from `folder`.

    Good rows are recorded, bad ones reported.
    """
    # Not loaded before files are imported: the command line lists this import without the store's libraries.
    from commands.imports.maven_files import config, rows
    from commands.imports.maven_files.histories import HistoryFactory

    configured = config.load(run.config_file or config.DEFAULT)
    pipeline = _pipeline(run.pipelines, configured)
    stages = {stage.name: (stage.id, stage.kind) for stage in pipeline.stages}
    team_table = read_table(folder, "sales_teams.csv", rows.TEAMS)
    product_table = read_table(folder, "products.csv", rows.PRODUCTS)
    account_table = read_table(folder, "accounts.csv", rows.ACCOUNTS)
    deal_table = read_table(folder, "sales_pipeline.csv", rows.DEALS)

    principals = run.step("principals", "sales_teams.csv")
    products = run.step("products", "products.csv")
    customers = run.step("customers", "accounts.csv")
    opportunities = run.step("opportunities", "sales_pipeline.csv")
    agent_rows = principals.parse(team_table, lambda line: rows.agent(line, configured))
    product_rows = products.parse(product_table, lambda line: rows.product(line, configured))
    account_rows = customers.parse(account_table, lambda line: rows.account(line, configured))
    deal_rows = opportunities.parse(deal_table, lambda line: rows.deal(line, configured, stages))
    people = [*rows.managers(agent_rows), *agent_rows]
    run.begin(len(people) + len(product_rows) + len(account_rows) + len(deal_rows))

    factory = HistoryFactory(config=configured, pipeline=pipeline, claims=run.claims)
    principal_ids = _record_levels(
        run,
        principals,
        people,
        above=lambda row: row.manager,
        history=lambda row, ids: factory.principal(row, _manager(row, ids)),
    )
    product_ids = products.record(product_rows, factory.product, batch_rows=BATCH_ROWS)
    customer_ids = _record_levels(
        run,
        customers,
        account_rows,
        above=lambda row: row.parent,
        history=lambda row, ids: factory.customer(row, _parent(row, ids)),
    )
    # Of two rows for one product the first is recorded.
    prices = {row.name: row.price for row in reversed(product_rows)}
    opportunities.record(
        deal_rows,
        lambda row: factory.opportunity(
            row,
            owner_id=_owner(row, principal_ids),
            product_id=_named("product", row.product, "products.csv", product_ids),
            customer_id=(
                None if row.account is None else _named("account", row.account, "accounts.csv", customer_ids)
            ),
            list_price=prices[row.product],
        ),
        batch_rows=BATCH_ROWS,
    )


def _record_levels(
    run: ImportRun,
    step: ImportStep,
    rows: Sequence[Row],
    *,
    above: Callable[[Row], str | None],
    history: Callable[[Row, Mapping[str, UUID]], History],
) -> dict[str, UUID]:
    """Records rows that name rows of their own kind, those at the top first; the ids by name."""
    ids: dict[str, UUID] = {}

    def with_ids(row: Row) -> History:
        return history(row, ids)

    while rows:
        waiting = {row.name for row in rows}
        ready = [row for row in rows if above(row) not in waiting]
        rows = [row for row in rows if above(row) in waiting]
        if not ready:
            for row in rows:
                step.fail(
                    row.line,
                    "The row belongs to a circle: one of those above it stands below it too. Correct one.",
                )
            run.advance(len(rows))
            return ids
        ids |= step.record(ready, with_ids, batch_rows=BATCH_ROWS)
    return ids


def _pipeline(pipelines: Pipelines, config: MavenConfig) -> Pipeline:
    pipeline = pipelines.get(config.pipeline)
    if pipeline is None:
        raise ImportRefused(
            f"The import goes into the pipeline {config.pipeline}, which does not exist. "
            "Configure it, or name another one in the import's configuration; nothing was imported."
        )
    if config.lost_reason not in pipeline.lost_reasons:
        raise ImportRefused(
            f"The import gives lost deals the reason {config.lost_reason}, and the pipeline {pipeline.id} "
            f"has {', '.join(pipeline.lost_reasons)} alone. Configure it; nothing was imported."
        )
    return pipeline


def _named(column: str, name: str, file: str, ids: Mapping[str, UUID]) -> UUID:
    found = ids.get(name)
    if found is None:
        raise RowRefused(
            f"The {column} {shown(name)} is not in {file}, or its row there was not taken. "
            "Correct the name here or the row there, then import again."
        )
    return found


def _parent(row: AccountRow, ids: Mapping[str, UUID]) -> UUID | None:
    return None if row.parent is None else _named("parent account", row.parent, "accounts.csv", ids)


# The sentences about people name their column and not them: names are private, and reports are passed on.


def _manager(row: AgentRow, ids: Mapping[str, UUID]) -> UUID | None:
    if row.manager is None:
        return None
    if row.manager not in ids:
        raise RowRefused("The manager on this line was not taken. Correct the manager, then import again.")
    return ids[row.manager]


def _owner(row: DealRow, ids: Mapping[str, UUID]) -> UUID:
    if row.agent not in ids:
        raise RowRefused(
            "The sales_agent on this line is not in sales_teams.csv, or the row there was not taken. "
            "Correct the name here or the row there, then import again."
        )
    return ids[row.agent]


IMPORT: Final = Import(
    help="Imports the Maven CRM files. Bad rows are reported by line, the good ones are taken.",
    reads="folder",
    path_help="Folder of accounts, products, sales_teams and sales_pipeline (.csv or .csv.gz).",
    config_help="TOML file of dates and aliases. Unset: commands/imports/maven.toml.",
    run=import_maven,
)
