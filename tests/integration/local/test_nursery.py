"""The processes that tests start by the nursery: signals reach them as those that a person starts."""

from __future__ import annotations

import signal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.ports import HOST, free_port
from tests.support.nursery import Nursery
from tests.support.relaying import until


def test_ctrl_c_ends_a_process_though_the_tests_run_in_the_background(tmp_path: Path) -> None:
    """Given tests that a shell started in the background, where it has SIGINT ignored, and who is started
    there inherits that, then a process of theirs meets it all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        nursery = Nursery()
    finally:
        signal.signal(signal.SIGINT, before)
    nowhere = f"{HOST}:{free_port()}"
    told = {
        "store": f"postgresql://nobody:x@{nowhere}/nothing",
        "bootstrap": nowhere,
        "key": Ed25519PrivateKey.generate().private_bytes_raw().hex(),
    }
    log = tmp_path / "relay.log"
    with log.open("ab") as output:
        relay = nursery.bear("relay", told, output, stdin=True)
    until(lambda: "does not answer" in log.read_text(), "the relay runs")

    relay.send_signal(signal.SIGINT)

    assert relay.wait(20) == 1
    assert "KeyboardInterrupt" in log.read_text()
    assert relay.stdin is not None
    relay.stdin.close()
    nursery.close()
