"""Version 1 of `toy`: its table, view and queries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from projections.runtime.projection import Projection, Table, subject
from tests.support.toy.v1.fold import fold
from tests.support.toy.v1.queries import Toys

TOY_V1: Final = Projection(
    name="toy",
    version=1,
    families=("customer",),
    tables=(
        Table(
            name="customer",
            columns={"id": "uuid", "version": "int", "events": "int"},
            key="id",
            keys_of=subject,
            fold=fold,
        ),
    ),
    folder=Path(__file__).parent,
    views=("toy",),
    queries=Toys,
)
