"""A worker as a process of its own: `python -m tests.support.worker_runner '<JSON>'`.

JSON: projection, read (URL), bootstrap, key (hex of the seals' public key), patience (fields of `Patience`),
and, to stop in the middle of a batch: halt_at (a checkpoint) and halt_file, a file that is made then; the
process stays there until the file is gone.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.kafka.address import KafkaAddress
from consumers.worker import Patience, Worker
from domain.events.catalogue import CATALOGUE
from projections.registry import named
from tests.support.histories import CIPHER


def main() -> None:
    """Works until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.WARNING)
    told = json.loads(sys.argv[1])
    halt = Path(told["halt_file"]) if told.get("halt_file") else None

    def checkpoint(name: str) -> None:
        if halt is not None and name == told["halt_at"]:
            halt.touch()
            while halt.exists():
                time.sleep(0.01)

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker = Worker(
        named(told["projection"]),
        read_url=told["read"],
        address=KafkaAddress(bootstrap=told["bootstrap"]),
        registry=CATALOGUE,
        public_key=Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["key"])),
        cipher=CIPHER,
        patience=Patience(**told["patience"]),
        checkpoint=checkpoint,
    )
    worker.run(stop)


if __name__ == "__main__":
    main()
