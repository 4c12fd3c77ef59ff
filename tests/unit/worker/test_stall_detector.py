"""Records that are late, and records that never come."""

from __future__ import annotations

import pytest

from consumers.worker.partition_buffer import Place
from consumers.worker.seals import Mismatch
from consumers.worker.stall_detector import StallDetector
from tests.support.sealed_topics import (
    OPPORTUNITY,
)


def test_what_does_not_come_is_a_mismatch_only_when_nothing_moves() -> None:
    place = (OPPORTUNITY, 1)
    end, asked = 7, []

    def ends(places: object) -> dict[Place, int]:
        asked.append(places)
        return {place: end}

    watch = StallDetector(30.0)
    watch.watch([place], [], ends, 0.0)
    watch.watch([place], [], ends, 2.9)
    assert asked == [], "late for a moment: the broker is not asked"
    watch.watch([place], [], ends, 3.0)
    end = 9
    watch.watch([place], [], ends, 33.0)
    watch.watch([place], [place], ends, 50.0)
    watch.watch([place], [], ends, 60.0)
    watch.watch([place], [], ends, 63.0)
    watch.watch([place], [], ends, 92.9)
    with pytest.raises(Mismatch, match="has stood at offset 9"):
        watch.watch([place], [], ends, 93.0)
