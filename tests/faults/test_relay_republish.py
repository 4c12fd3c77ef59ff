"""Lost topics are restored from the store into the same result, and the relay goes on behind them."""

from __future__ import annotations

from collections.abc import Sequence

from consumers.relay_republish import Restored
from tests.support.kafka import SEALS, TOPICS
from tests.support.relaying import Relays, append_events
from tests.support.republishing import (
    contents_now,
    lose,
    republish,
    republisher,
)

ONE, TWO = TOPICS[0], TOPICS[3]
PIECES = 6


def publish_some(relays: Relays, pieces: int = PIECES) -> None:
    """Events of all families in so many ranges; no relay runs afterwards."""
    relay = relays.start()
    for _ in range(pieces):
        append_events(relays.urls.app, 100)
        relays.until_published()
    assert relays.stop(relay) == 0


def found(restored: Restored) -> dict[str, str]:
    """The topics concerned and how they were found."""
    return {topic.name: topic.state for topic in restored.topics}


def test_what_is_lost_comes_back_as_it_was(relays: Relays) -> None:
    """Given topics that were deleted, when they are restored, then every record is there again, the same in
    partition, order, key, bytes, time and headers; and the relay goes on."""
    publish_some(relays)
    before = contents_now(relays)
    losses: Sequence[tuple[str, ...]] = ((ONE,), (SEALS,), (TWO, SEALS), TOPICS, (*TOPICS, SEALS))
    for lost in losses:
        lose(relays.bootstrap, lost)
        with republisher(relays) as it:
            planned = it.plan()
        assert found(planned) == dict.fromkeys(lost, "missing")
        restored = republish(relays)
        assert found(restored) == found(planned)
        assert restored.records == sum(record[0] in lost for record in before)
        assert contents_now(relays) == before, f"after the loss of {lost}"
    assert republish(relays).topics == [], "nothing is lost any more"
    publish_some(relays, 1)
    relays.check()
