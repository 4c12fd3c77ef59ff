"""A worker as a process of its own: `python -m tests.support.worker_runner '<JSON>'`.

JSON: projection (a name, or several with commas: a worker of each in a thread; then failpoints are named as
"pipeline: rows written"), read (URL), bootstrap, key (hex of the seals' public key), timeouts (fields of
`Timeouts`), and, to stop in the middle of a batch: halt_at (a failpoint) and halt_file, a file that is made
when it comes there first; the process stays there until the file is gone, and not again. With `traps`, each
line on standard input is a `Trap` or null, as for a relay, and the process goes when its starter does.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.kafka.address import KafkaAddress
from consumers.worker.worker import Timeouts, Worker
from domain.events.catalogue import CATALOGUE
from projections.registry import named
from projections.runtime.projection import Projection
from tests.support.histories import CIPHER
from tests.support.relay_runner import Traps
from tests.support.shared_row import NARROW_V1, SHARED_ROW_V1

OF_THE_TESTS = {SHARED_ROW_V1.name: SHARED_ROW_V1, "narrow": NARROW_V1}


def known(name: str) -> Projection:
    """A read model that is registered, or that of the tests in whose rows two topics meet; `narrow` is that
    one in a release that reads one topic less."""
    return OF_THE_TESTS.get(name) or named(name)


def main() -> None:
    """Works until SIGTERM; with 1 when a worker ended by itself."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.WARNING)
    told = json.loads(sys.argv[1])
    halt = Path(told["halt_file"]) if told.get("halt_file") else None
    traps = Traps(None)
    if told.get("traps"):
        threading.Thread(target=traps.listen, daemon=True).start()

    def failpoint(prefix: str, name: str) -> None:
        nonlocal halt
        traps.failpoint(prefix + name)
        if halt is not None and name == told["halt_at"]:
            halt.touch()
            while halt.exists():
                time.sleep(0.01)
            halt = None

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    names = told["projection"].split(",")
    workers = [
        Worker(
            known(name),
            read_url=told["read"],
            address=KafkaAddress(bootstrap=told["bootstrap"]),
            registry=CATALOGUE,
            public_key=Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["key"])),
            cipher=CIPHER,
            timeouts=Timeouts(**told["timeouts"]),
            failpoint=partial(failpoint, "" if len(names) == 1 else f"{name}: "),
        )
        for name in names
    ]

    def work(worker: Worker) -> None:
        try:
            worker.run(stop)
        finally:
            if not stop.is_set():
                logging.error("a worker ended by itself", exc_info=True)
                os._exit(1)  # in whatever thread: the others would hide it

    others = [threading.Thread(target=work, args=(worker,)) for worker in workers[1:]]
    for thread in others:
        thread.start()
    work(workers[0])
    for thread in others:
        thread.join()


if __name__ == "__main__":
    main()
