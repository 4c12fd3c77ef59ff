"""Lost topics restored by a process of the nursery that dies at a checkpoint, unless it comes to its end.

Told as JSON: store (URL), bootstrap, key (hex of the seals' public key), die_at (a checkpoint), die_time (at
which passing of it, from 1).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.kafka.address import KafkaAddress
from consumers.relay_republish import Republisher
from tests.support.kafka import FAMILIES


def main() -> None:
    """Restores what is lost, unless it dies before."""
    told = json.loads(sys.argv[1])
    passed: Counter[str] = Counter()

    def checkpoint(name: str) -> None:
        passed[name] += 1
        if name == told["die_at"] and passed[name] == told["die_time"]:
            os.kill(os.getpid(), signal.SIGKILL)

    with Republisher(
        store_url=told["store"],
        address=KafkaAddress(bootstrap=told["bootstrap"]),
        key=Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["key"])),
        families=FAMILIES,
        checkpoint=checkpoint,
    ) as it:
        it.run()
