"""A recovery that kills itself -9 before its commit: `python -m tests.support.recovery_runner HOME`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from deploy.settings import load
from deploy.wiring import processes, wiring


def main() -> None:
    """Recovers up to the commit."""

    def die(_: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with wiring.Wiring(load(home=Path(sys.argv[1]))) as wired:
        recovering = processes.recovering(wired, lambda _done, _total: None)
        recovering.failpoint = die
        recovering.run()


if __name__ == "__main__":
    main()
