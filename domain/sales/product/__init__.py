"""Product: what is sold, and its list price. Its own id is its party."""

from __future__ import annotations

from typing import Final

from domain.kernel.record_type import RecordType, commands_in
from domain.sales.product import commands, decide, events, state

PRODUCT: Final = RecordType(
    name="product",
    plural="products",
    area="sales",
    events=events.EVENTS,
    state=state.Product,
    evolve=state.evolve,
    commands=commands_in(commands),
    decide=decide.decide,
    usable=decide.require_offered,
)
