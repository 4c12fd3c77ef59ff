"""Imports the CDNOW file: customers as persons, purchases as interactions.

Customers come with their purchases, some hundred at a time. What is there already is found by the customer's
claim and by the purchase's derived id, so a run that was killed is simply run again.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from commands.imports.cdnow_file import rows
from commands.imports.kit.declaration import Import

if TYPE_CHECKING:
    from commands.imports.kit.run import ImportRun

BATCH_CUSTOMERS: Final = 500
"""Customers that are recorded with all their purchases before the next ones."""

BATCH_PURCHASES: Final = 2_000
"""Purchases that are recorded together."""


def import_cdnow(run: ImportRun, path: Path) -> None:
    """Imports the purchases in the file at `path`, plain or gzip; reports the bad lines."""
    # Not loaded before a file is imported: the command line lists this import without the store's libraries.
    from commands.imports.cdnow_file.histories import HistoryFactory

    found = rows.read_purchases(path)
    factory = HistoryFactory(claims=run.claims)
    customer_step = run.step("customers", path.name)
    for problem in found.problems:
        run.report.fail("purchases", problem)
    customers = rows.by_customer(found.good)
    run.begin(len(customers) + len(found.good))
    for start in range(0, len(customers), BATCH_CUSTOMERS):
        batch = customers[start : start + BATCH_CUSTOMERS]
        ids = customer_step.record(batch, factory.customer)
        run.step("purchases", path.name).record(
            list(chain.from_iterable(customer.purchases for customer in batch)),
            partial(factory.purchase, customers=ids),
            batch_rows=BATCH_PURCHASES,
        )


IMPORT: Final = Import(
    help="Imports the CDNOW purchases. Bad lines are reported, the good ones are taken.",
    reads="file",
    path_help="The file of purchases (CDNOW_master.txt, or .txt.gz).",
    run=import_cdnow,
)
