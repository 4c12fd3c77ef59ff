"""Builds the processes between store and read models: the relay, workers, and what repairs or rebuilds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from commands.store.roles import OWNER, role_url
from commands.store.schema import check_version
from deploy.settings import Settings
from deploy.wiring.wiring import Wiring
from domain.events.catalogue import CATALOGUE

if TYPE_CHECKING:
    from commands.privacy.cipher import AesGcmCipher
    from consumers.kafka.topic_archive import TopicsCopy
    from consumers.rebuild.rebuild import Endpoints
    from consumers.recovery.recovery import RecoveryRun
    from consumers.relay.relay import Relay
    from consumers.relay.republish import Republisher
    from consumers.worker.worker import Worker
    from projections.runtime.projection import Projection


def relay(wired: Wiring) -> Relay:
    """The relay; only this process needs the key that signs."""
    from consumers.relay.relay import Relay

    wired.refuse_other_schema("relay_url")
    return Relay(
        store_url=wired.settings.need("relay_url"),
        address=wired.kafka,
        signing_key=wired.secrets.seal_key(),
        families=CATALOGUE.families,
    )


def republisher(wired: Wiring) -> Republisher:
    """What restores lost topics; `wiring` closes it."""
    from consumers.relay.republish import Republisher

    wired.refuse_other_schema("relay_url")
    return wired.exit_stack.enter_context(
        Republisher(
            store_url=wired.settings.need("relay_url"),
            address=wired.kafka,
            key=wired.secrets.seal_public(),
            families=CATALOGUE.families,
        )
    )


def recovering(wired: Wiring, progress: Callable[[int, int], None]) -> RecoveryRun:
    """What brings a restored store together with its topics, as the administrator."""
    from consumers.recovery.recovery import RecoveryRun

    admin = wired.settings.need("admin_url")
    check_version(admin)
    return RecoveryRun(
        admin_url=admin,
        read_url=wired.settings.read_admin_url or admin,
        address=wired.kafka,
        families=CATALOGUE.families,
        key=wired.secrets.seal_public(),
        keys=wired.keys,
        tombstones=wired.tombstones,
        cipher=wired.cipher,
        identifiers=wired.identifiers,
        progress=progress,
    )


def topics_copy(wired: Wiring) -> TopicsCopy:
    """The topics as an audit's copy of the store's history."""
    from consumers.kafka.topic_archive import TopicsCopy

    return TopicsCopy(wired.kafka)


def worker(wired: Wiring, projection: Projection) -> Worker:
    """A worker of that read model; it needs the seals' public key, and the persons' keys where it shows
    clear private values."""
    from consumers.worker.worker import Worker

    wired.refuse_other_read_side("worker_url")
    return Worker(
        projection,
        read_url=wired.settings.need("worker_url"),
        address=wired.kafka,
        registry=CATALOGUE,
        public_key=wired.secrets.seal_public(),
        cipher=wired.cipher if projection.private else None,
    )


def rebuild_endpoints(wired: Wiring) -> Endpoints:
    """What rebuilding needs: the read side as its owner, the store, the topics."""
    from consumers.rebuild.rebuild import Endpoints

    admin = wired.settings.read_admin_url or wired.settings.need("admin_url")
    return Endpoints(
        owner_url=role_url(admin, OWNER, wired.secrets.text(f"password-{OWNER}")),
        store_url=wired.settings.need("store_url"),
        address=wired.kafka,
        registry=CATALOGUE,
        cipher=partial(new_cipher, wired.settings),
        folder=wired.settings.home,
    )


def new_cipher(settings: Settings) -> AesGcmCipher:
    """What opens private fields, in a process of its own that ends with it."""
    return Wiring(settings).cipher
