"""Version 1 of `identity`: its tables, views and queries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from projections.identity.v1.fold import LINK, MOVED, link, moved, own_party, within_another
from projections.identity.v1.queries import Identity
from projections.record_families import linked_families
from projections.runtime.projection import Projection, Table

IDENTITY_V1: Final = Projection(
    name="identity",
    version=1,
    families=linked_families(),
    tables=(
        Table(
            name="link", columns=LINK, key="party", keys_of=own_party, fold=link, history="link_version",
            single_aggregate=True,
        ),
        Table(
            name="moved", columns=MOVED, key="id", keys_of=within_another, fold=moved,
            history="moved_version", single_aggregate=True,
        ),
    ),
    folder=Path(__file__).parent,
    views=("identity", "identity_moved"),
    queries=Identity,
)  # fmt: skip
