"""The demo without Apache Kafka's jars: it goes on with a broker that forgets.

The event store stays the truth. The stand-in loses its topics, and it shows what a killed relay had not
committed. So each relay there begins with new topics and publishes the store's sealed ranges from the
first one on; the read models drop what they have already. `rapport up`, the tests and CI never do this.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg2

from consumers.kafka.failures import BrokerFailure
from consumers.kafka.topics import renew_topics
from consumers.relay.leader import forget_published
from deploy.local.errors import LocalServiceError
from deploy.local.tansu import LocalTansu
from deploy.settings import Settings
from deploy.wiring.wiring import kafka_address
from domain.events.catalogue import CATALOGUE


class StandIn:
    """The stand-in of one installation, in `folder`. Apache Kafka's topics lack what it published.

    `end_relay` ends a running relay, which then starts again: a relay with nothing to publish would not
    notice the lost topics.
    """

    def __init__(self, folder: Path, end_relay: Callable[[], None]) -> None:
        self.broker = LocalTansu(folder, restarted=end_relay)
        self.used = False
        """Whether it stands in now."""
        self._mark = folder / "was-used"

    def begin(self) -> LocalTansu:
        """Returns the broker to start, and notes that events went there."""
        self.used = True
        self._mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._mark.touch()
        return self.broker

    def end(self, settings: Settings) -> None:
        """Called before a relay publishes to Kafka itself: the relay publishes anew what only the stand-in
        had.

        Kafka's own last seal is still compared with the store, so nothing is published there twice.
        """
        if self._mark.exists():
            forget_published(settings.need("relay_url"))
            self._mark.unlink()

    def refill(self, settings: Settings) -> None:
        """Called before a relay publishes to the stand-in. Raises `LocalServiceError` while it is away."""
        try:
            renew_topics(kafka_address(settings), CATALOGUE.families, settings.partitions)
            forget_published(settings.need("relay_url"))
        except (BrokerFailure, psycopg2.Error) as error:
            raise LocalServiceError(
                f"The topics could not be emptied for the relay ({str(error).strip()}). It is repeated."
            ) from error
