"""`rapport` commands that give themselves SIGKILL where an erasure of theirs has come to a place.

python -m tests.support.erasing_process '<JSON>'

JSON: pairs of a place, as `Erasing` tells its failpoint, and a command's words. Each is a process of
its own, all at once, forked here so that everything is loaded once; writes how each ended, as
`Popen.returncode` has it. One alone is no child: the process itself ends so.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from commands.privacy import tombstones
from deploy.cli.main import run
from deploy.wiring import persons

if TYPE_CHECKING:
    from commands.privacy.erasure import Erasures
    from deploy.wiring.wiring import Wiring


def dying(place: str, words: Sequence[str]) -> int:
    """The command, to its end or to that place. Keys are destroyed one by one."""
    tombstones.BATCH_ROWS = 1  # type: ignore[misc]
    wired_as_ever = persons.erasing

    def die(at: str) -> None:
        if at == place:
            os.kill(os.getpid(), signal.SIGKILL)

    def erasing(wired: Wiring) -> Erasures:
        made = wired_as_ever(wired)
        made.failpoint = die
        return made

    persons.erasing = erasing
    return run(words)


def main() -> int:
    """All of them."""
    jobs = json.loads(sys.argv[1])
    if len(jobs) == 1:
        return dying(*jobs[0])
    children = []
    for place, words in jobs:
        child = os.fork()
        if not child:
            os._exit(dying(place, words))
        children.append(child)
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.stdout.write(json.dumps(ended) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
