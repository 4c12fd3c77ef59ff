"""A relay as a process of its own: `python -m tests.support.relay_runner '<JSON>'`.

JSON: store (URL), bootstrap, key (hex of the signing key), name, and, to die: die_at (a checkpoint), die_time
(at which passing of it, from 1); silence (seconds).
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections import Counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.kafka.address import KafkaAddress
from consumers.relay import Relay, RelayStopped
from consumers.relay_leader import SILENCE
from tests.support.kafka import FAMILIES


def main() -> int:
    """Relays until SIGTERM; 1 when the relay stopped by itself, saying why on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.WARNING)
    told = json.loads(sys.argv[1])
    passed: Counter[str] = Counter()

    def checkpoint(name: str) -> None:
        passed[name] += 1
        if name == told.get("die_at") and passed[name] == told.get("die_time", 1):
            os.kill(os.getpid(), signal.SIGKILL)

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    relay = Relay(
        store_url=told["store"],
        address=KafkaAddress(bootstrap=told["bootstrap"]),
        signing_key=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(told["key"])),
        families=FAMILIES,
        name=told.get("name"),
        silence=told.get("silence", SILENCE),
        checkpoint=checkpoint,
    )
    try:
        relay.run(stop)
    except RelayStopped as error:
        logging.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
