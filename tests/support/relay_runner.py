"""A relay as a process of its own: `python -m tests.support.relay_runner '<JSON>'`.

JSON: store (URL), bootstrap, key (hex of the signing key), name, silence and timeouts (seconds), and trap, a
`Trap` or null. Each line on standard input is a trap as well, and takes the place of the one before. When
standard input ends, its starter is gone, and the process goes too.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from typing import TypedDict

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.kafka.address import KafkaAddress
from consumers.relay.leader import SILENCE_SECONDS
from consumers.relay.relay import Relay, RelayStopped
from tests.support.kafka import FAMILIES

TRAPPED = "trapped"


class Trap(TypedDict):
    """What befalls the relay: at its `time`-th passing of the failpoint `at`, from 1, this one thread pauses
    so many seconds while the others go on; then the process gives itself `signal`, "SIGKILL" or "SIGSTOP".
    """

    at: str
    time: int
    pause: float
    signal: str


class Traps:
    """The trap that is set, and how often its failpoint was passed."""

    def __init__(self, trap: Trap | None) -> None:
        self._trap, self._passed = trap, 0

    def failpoint(self, name: str) -> None:
        """The relay is there."""
        trap = self._trap
        if trap is None or trap["at"] != name:
            return
        self._passed += 1
        if self._passed != trap["time"]:
            return
        logging.info("%s %s", TRAPPED, name)
        deadline = time.monotonic() + trap["pause"]
        while self._trap is trap and time.monotonic() < deadline:
            time.sleep(0.01)
        if self._trap is trap:
            self._trap = None
            # To this thread: another may take a signal to the process, while this one goes on a little.
            signal.pthread_kill(threading.get_ident(), signal.Signals[trap["signal"]])

    def listen(self) -> None:
        """Takes traps from standard input."""
        text = b""
        while said := os.read(sys.stdin.fileno(), 1 << 16):
            *lines, text = (text + said).split(b"\n")
            for line in lines:
                self._trap, self._passed = None, 0
                self._trap = json.loads(line)
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Relays until SIGTERM; 1 when the relay stopped by itself, saying why on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.WARNING)
    told = json.loads(sys.argv[1])
    traps = Traps(told.get("trap"))
    threading.Thread(target=traps.listen, daemon=True).start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    relay = Relay(
        store_url=told["store"],
        address=KafkaAddress(bootstrap=told["bootstrap"]),
        signing_key=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(told["key"])),
        families=FAMILIES,
        name=told.get("name"),
        silence=told.get("silence", SILENCE_SECONDS),
        timeouts=tuple(told.get("timeouts", (6.0, 60.0))),
        failpoint=traps.failpoint,
    )
    try:
        relay.run(stop)
    except RelayStopped as error:
        logging.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
