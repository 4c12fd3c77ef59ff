"""Workers in threads of the test: cheaper than processes, and what they are made of can be changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from consumers.kafka.address import KafkaAddress
from consumers.worker.worker import Timeouts, Worker
from domain.events.catalogue import CATALOGUE
from projections.runtime.projection import Projection
from tests.support.histories import CIPHER
from tests.support.working import Workers


@contextmanager
def at_work(
    workers: Workers, *projections: Projection, timeouts: Timeouts | None = None
) -> Iterator[list[Worker]]:
    """A worker of each of these read models (one may be named twice), until the end of the block."""
    made = [
        Worker(
            projection,
            read_url=workers.urls.worker,
            address=KafkaAddress(bootstrap=workers.bootstrap),
            registry=CATALOGUE,
            public_key=workers.key.public_key(),
            cipher=CIPHER if projection.private else None,
            timeouts=timeouts or Timeouts(**workers.timeouts),
        )
        for projection in projections
    ]
    stop = threading.Event()
    threads = [threading.Thread(target=worker.run, args=(stop,)) for worker in made]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
