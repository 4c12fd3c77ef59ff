"""Takes the Maven files into the store: rows into histories, histories through the command handlers.

Principals come first, then products and customers (parents before their subsidiaries), then opportunities,
which name them. What is there already is found by its claim, so a run that was killed is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

from commands.bulk.recorder import BulkRecorder, History
from commands.imports import maven_rows as rows
from commands.imports.fields import RowRefused, shown
from commands.imports.maven_config import MavenConfig
from commands.imports.maven_histories import SOURCES, Maker
from commands.imports.maven_rows import AccountRow, AgentRow, DealRow, MavenRow, ProductRow
from commands.imports.report import ImportRefused, ImportReport, Progress, RowProblem
from commands.imports.table import Line, Table, read_table
from domain.configuration.pipelines import Pipeline, Pipelines

__all__ = ["SOURCES", "import_maven"]

BATCH: Final = 250
"""Rows that are recorded together: little is lost when the run is killed, and the bar moves."""

R = TypeVar("R", bound=MavenRow)


def import_maven(
    folder: Path,
    *,
    recorder: BulkRecorder,
    pipelines: Pipelines,
    config: MavenConfig,
    digest_key: bytes,
    new_id: Callable[[], UUID],
    progress: Progress = lambda *_: None,
) -> ImportReport:
    """Imports `accounts`, `products`, `sales_teams` and `sales_pipeline` (`.csv` or `.csv.gz`) from `folder`.

    Good rows are taken, bad ones reported. `digest_key` (at least 32 bytes, never rotated) makes the digests
    by which a second run knows a row again. Raises `ImportRefused` before anything is taken, and the store's
    errors: then what was taken stays, and the same call goes on.
    """
    pipeline = _pipeline(pipelines, config)
    stages = {stage.name: (stage.id, stage.kind) for stage in pipeline.stages}
    teams = read_table(folder, "sales_teams.csv", rows.TEAMS)
    goods = read_table(folder, "products.csv", rows.PRODUCTS)
    firms = read_table(folder, "accounts.csv", rows.ACCOUNTS)
    sales = read_table(folder, "sales_pipeline.csv", rows.DEALS)

    run = _Run(recorder, Maker(config=config, pipeline=pipeline, key=digest_key, new_id=new_id), progress)
    agents = run.parse("principals", teams, lambda line: rows.agent(line, config))
    products = run.parse("products", goods, lambda line: rows.product(line, config))
    accounts = run.parse("customers", firms, lambda line: rows.account(line, config))
    deals = run.parse("opportunities", sales, lambda line: rows.deal(line, config, stages))
    run.take_all([*rows.managers(agents), *agents], products, accounts, deals)
    return run.report


class _Run:
    """One run: the ids by name of what it has taken, for those that refer to it, and its report."""

    def __init__(self, recorder: BulkRecorder, maker: Maker, progress: Progress) -> None:
        self._recorder, self._maker, self._progress = recorder, maker, progress
        self.report = ImportReport()
        self._done = 0
        self._total = 0

    def parse(self, kind: str, table: Table, parse: Callable[[Line], R]) -> list[R]:
        """The good rows of a table; the bad ones go into the report."""
        self.report.tally(kind)
        for problem in table.problems:
            self.report.fail(kind, problem)
        good = []
        for line in table.lines:
            try:
                good.append(parse(line))
            except RowRefused as refused:
                self.report.fail(kind, RowProblem(line.file, line.number, str(refused)))
        self._done = len(self.report.failed)
        return good

    def take_all(
        self,
        people: Sequence[AgentRow],
        products: Sequence[ProductRow],
        accounts: Sequence[AccountRow],
        deals: Sequence[DealRow],
    ) -> None:
        """Takes the rows, those first that others name."""
        self._total = self._done + len(people) + len(products) + len(accounts) + len(deals)
        self._advance(0)
        principals = self._take_levels(
            "principals",
            people,
            above=lambda row: row.manager,
            make=lambda ids, row: self._maker.principal(row, _manager(row, ids)),
        )
        goods = self._take("products", products, self._maker.product)
        customers = self._take_levels(
            "customers",
            accounts,
            above=lambda row: row.parent,
            make=lambda ids, row: self._maker.customer(row, _parent(row, ids)),
        )
        # Of two rows for one product the first is taken.
        prices = {row.name: row.price for row in reversed(products)}
        self._take(
            "opportunities",
            deals,
            lambda row: self._maker.opportunity(
                row,
                owner_id=_owner(row, principals),
                product_id=_named("product", row.product, "products.csv", goods),
                customer_id=(
                    None if row.account is None else _named("account", row.account, "accounts.csv", customers)
                ),
                list_price=prices[row.product],
            ),
        )
        self.report.failed.sort()

    def _take_levels(
        self,
        kind: str,
        todo: Sequence[R],
        *,
        above: Callable[[R], str | None],
        make: Callable[[Mapping[str, UUID], R], History],
    ) -> dict[str, UUID]:
        """Takes rows that name rows of their own kind, those at the top first; the ids by name."""
        ids: dict[str, UUID] = {}
        while todo:
            waiting = {row.name for row in todo}
            ready = [row for row in todo if above(row) not in waiting]
            todo = [row for row in todo if above(row) in waiting]
            if not ready:
                circle = (
                    "The row belongs to a circle: one of those above it stands below it too. Correct one."
                )
                for row in todo:
                    self._fail(kind, row, circle)
                self._advance(len(todo))
                return ids
            ids |= self._take(kind, ready, partial(make, ids))
        return ids

    def _take(self, kind: str, todo: Sequence[R], make: Callable[[R], History]) -> dict[str, UUID]:
        """Records the rows in batches; the ids by name of those that are in the store now."""
        ids: dict[str, UUID] = {}
        tally = self.report.tally(kind)
        for start in range(0, len(todo), BATCH):
            batch = todo[start : start + BATCH]
            made: list[tuple[R, History]] = []
            for row in batch:
                try:
                    made.append((row, make(row)))
                except RowRefused as refused:
                    self._fail(kind, row, str(refused))
            outcomes = self._recorder.record([history for _, history in made])
            for (row, _), outcome in zip(made, outcomes, strict=True):
                if outcome.id is not None:
                    ids[row.name] = outcome.id
                if outcome.state == "failed":
                    self._fail(kind, row, str(outcome.error))
                elif outcome.state == "created":
                    tally.created += 1
                else:
                    tally.unchanged += 1
            self._advance(len(batch))
        return ids

    def _fail(self, kind: str, row: MavenRow, sentence: str) -> None:
        self.report.fail(kind, RowProblem(row.line.file, row.line.number, sentence))

    def _advance(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._total)


def _pipeline(pipelines: Pipelines, config: MavenConfig) -> Pipeline:
    pipeline = pipelines.get(config.pipeline)
    if pipeline is None:
        raise ImportRefused(
            f"The import goes into the pipeline {config.pipeline}, and there is none of that name. "
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
