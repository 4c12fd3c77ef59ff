"""Version 2 of `toy`: version 1 with another table and another fold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from projections.runtime.projection import Projection
from tests.support.toy.v1.projection import TOY_V1
from tests.support.toy.v2.fold import fold

TOY_V2: Final[Projection] = replace(
    TOY_V1,
    version=2,
    tables=(replace(TOY_V1.tables[0], columns={**TOY_V1.tables[0].columns, "types": "jsonb"}, fold=fold),),
    folder=Path(__file__).parent,
)
