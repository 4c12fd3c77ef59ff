"""Lost topics restored by a process of the nursery that dies at a failpoint, unless it comes to its end.

Told as JSON: store (URL), bootstrap, key (hex of the seals' public key), and trap, a `Trap` as for a relay.
"""

from __future__ import annotations

import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.kafka.address import KafkaAddress
from consumers.relay.republish import Republisher
from tests.support.kafka import FAMILIES
from tests.support.relay_runner import Traps


def main() -> None:
    """Restores what is lost, unless it dies before."""
    told = json.loads(sys.argv[1])
    with Republisher(
        store_url=told["store"],
        address=KafkaAddress(bootstrap=told["bootstrap"]),
        key=Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["key"])),
        families=FAMILIES,
        failpoint=Traps(told["trap"]).failpoint,
    ) as it:
        it.run()
