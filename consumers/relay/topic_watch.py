"""Finds topics that were deleted or made anew while the relay runs. Without this check the relay would go on
publishing into them, and only their readers would notice the loss."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from consumers.kafka.address import KafkaAddress
from consumers.kafka.failures import Verdict, describe, verdict
from consumers.kafka.topics import topic_ids, wanted
from consumers.relay.agreement import RESTORE, Disagreement
from consumers.relay.seal_buffer import SealBuffer

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0


class TopicWatch:
    """Checks every few seconds that the topics are still the ones from when publishing began.

    Args:
        address: the Kafka cluster.
        families: each has a topic.
        buffer: knows when store and topics have agreed.
        look: seconds between two checks.
        ask: returns the ids of topics by name; it leaves missing topics out.
    """

    def __init__(
        self,
        address: KafkaAddress,
        families: tuple[str, ...],
        buffer: SealBuffer,
        *,
        look: float = LOOK_SECONDS,
        ask: Callable[[KafkaAddress, Mapping[str, int]], Mapping[str, UUID]] = topic_ids,
    ) -> None:
        self._address, self._topics, self._buffer = address, wanted(families, 1), buffer
        self._look, self._ask = look, ask
        self._known: Mapping[str, UUID] = {}
        self._missed: set[str] = set()

    def run(self, ended: threading.Event) -> None:
        """Watches until `ended`. Raises `Disagreement`."""
        while not (self._buffer.connected or ended.wait(0.1)):
            pass
        while not ended.is_set():
            self.look()
            ended.wait(self._look)

    def look(self) -> None:
        """Checks once. Raises `Disagreement`; if the broker is away, the publisher reports it."""
        try:
            seen = self._ask(self._address, self._topics)
        except Exception as error:
            if verdict(error) is Verdict.STOP:
                raise
            log.debug("The topics cannot be looked at: %s", describe(error))
            return
        other = sorted(name for name, id in seen.items() if self._known.get(name, id) != id)
        if other:
            raise Disagreement(
                f"The topics are behind: {', '.join(other)} was deleted and made anew while the relay ran, "
                f"and what it held is gone. Delete it again (kafka-topics --delete) first. {RESTORE}"
            )
        missing = self._known.keys() - seen.keys()
        gone = sorted(missing & self._missed)
        # Checked twice, since a broker that starts may not know all topics yet.
        self._missed = set(missing)
        if gone:
            raise Disagreement(
                f"The topics are behind: {', '.join(gone)} was deleted while the relay ran. {RESTORE}"
            )
        if not self._known:
            log.info("The relay publishes into %d topics.", len(seen))
        self._known = {**self._known, **seen}
