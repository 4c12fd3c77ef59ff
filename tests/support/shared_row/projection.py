"""Version 1 of `shared_row`, and as a release before had it, when it read one family less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from projections.runtime.projection import Projection, Table
from tests.support.shared_row.fold import fold, party

SHARED_ROW_V1: Final = Projection(
    name="shared_row",
    version=1,
    families=("customer", "opportunity"),
    tables=(
        Table(
            name="party",
            columns={"party": "uuid", "customers": "int", "deals": "int", "last": "bigint"},
            key="party",
            keys_of=party,
            fold=fold,
        ),
    ),
    folder=Path(__file__).parent,
    views=("shared_row",),
)

NARROW_V1: Final = replace(SHARED_ROW_V1, families=("customer",))
