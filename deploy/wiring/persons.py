"""Builds what erases whole persons, and what finds out who they are. For `wiring` alone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from api.reads.links import links
from commands.dispatch.context import Context
from commands.operations.read_models import principal_id
from commands.privacy.certificate import CheckedPlace
from commands.privacy.certificates import CertificateIssuer, ReadSide, TooEarly
from commands.privacy.cipher import CACHE_SECONDS
from commands.privacy.erasure import Erasures
from commands.privacy.person import People
from commands.store.contact_index import ContactIndex
from deploy.wiring import processes
from domain.events.event import SYSTEM, Actor
from projections.control import forgotten

if TYPE_CHECKING:
    from commands.store.pool import Pool
    from deploy.wiring.wiring import Wiring


def erasing(wired: Wiring) -> Erasures:
    """Erases in the store of `wired`."""
    return Erasures(
        wired.crm,
        People(wired.crm, links(wired.read_pool)),
        wired.tombstones,
        ContactIndex(wired.store_pool),
        wired.cipher,
    )


def certifying(
    wired: Wiring, *, topics: bool = True, cache_seconds: float = CACHE_SECONDS
) -> CertificateIssuer:
    """Certifies erasures in the store of `wired`, with the key that signs seals.

    With `topics` it compares them too, where Kafka's address is set.
    """
    return CertificateIssuer(
        wired.crm,
        People(wired.crm, links(wired.read_pool)),
        wired.keys,
        wired.tombstones,
        ContactIndex(wired.store_pool),
        read_side(wired.read_pool),
        wired.secrets.seal_key(),
        topics=processes.topics_copy(wired) if topics and wired.settings.kafka_bootstrap else None,
        cache_seconds=cache_seconds,
    )


def read_side(pool: Pool) -> ReadSide:
    """Looks at every read model that `pool` may read."""

    def places(persons: Sequence[UUID], position: int) -> list[CheckedPlace]:
        with pool.connection() as connection:
            found = forgotten.remembered(connection, persons)
        # A version that never started shows nothing, and will read these persons with destroyed keys.
        behind = [each for each in found if each.position < position and (each.position or each.rows)]
        if behind:
            names = ", ".join(f"{each.projection} v{each.version} ({each.position})" for each in behind)
            raise TooEarly(
                f"These read models have not passed position {position} yet: {names}. Repeat it when they "
                "have; see `rapport projection status`."
            )
        return [
            CheckedPlace(
                place=f"read model {each.projection} v{each.version}",
                checked="holds no clear private values, by its declaration"
                if each.rows is None
                else "rows of these persons that show a name, an address or a search term",
                found=f"{each.shown} of {each.rows or 0} rows; {each.parked} parked events, which are "
                "ciphertext",
                clean=not each.shown,
            )
            for each in found
        ]

    return places


def showing(pool: Pool, persons: Sequence[UUID]) -> list[str]:
    """Which active read models that `pool` may read show something of these persons."""
    with pool.connection() as connection:
        return forgotten.showing(connection, persons)


def acting(operator: str | None) -> Context:
    """The context of an act now: of an operator, by their login name, or of the program itself."""
    actor = SYSTEM if operator is None else Actor(id=principal_id(operator), kind="user")
    return Context(
        actor=actor, correlation=uuid.uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid.uuid4
    )
