"""The links of `identity`, once it has caught up with the store."""

from __future__ import annotations

import time
from typing import Final
from uuid import UUID

from api.reads.snapshot import positions
from commands.privacy.person import IdentityBehind, LinkedParties, Links
from commands.store.pool import Pool
from projections import registry
from projections.identity.questions import Identity

WAIT_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.05

_ACTIVE: Final = "SELECT version FROM control.active WHERE projection = 'identity'"


def links(read_side: Pool, *, wait: float = WAIT_SECONDS) -> Links:
    """Queries `identity` at `read_side`; raises `IdentityBehind` if it does not catch up within `wait`
    seconds."""

    def asked(party: UUID, position: int) -> LinkedParties:
        deadline = time.monotonic() + wait
        while (found := positions(read_side, ["identity"]).get("identity", 0)) < position:
            if time.monotonic() > deadline:
                raise IdentityBehind(position, found)
            time.sleep(POLL_SECONDS)
        with read_side.connection() as connection:
            with connection.cursor() as at:
                at.execute(_ACTIVE)
                row = at.fetchone()
            questions = registry.named("identity", row[0] if row else 1).queries
            assert questions is not None
            identity: Identity = questions(connection)
            cluster = identity.cluster(party)
        return LinkedParties(parties=cluster.parties, incoming=cluster.incoming, away=cluster.away)

    return asked
