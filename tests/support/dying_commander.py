"""A process that opens an opportunity under a key and is killed -9 when it is recorded, before it answers.

python -m tests.support.dying_commander <url of the role rapport_app> <key>
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from domain.sales.opportunity.commands import OpenOpportunity
from tests.support.at_once import bus


def main(url: str, key: str) -> None:
    """Does not return."""
    with bus(url, 1) as opened:
        recorder = opened.commands.crm.recorder
        insert = recorder.insert_events

        def insert_and_die(*events: Any, **more: Any) -> Any:
            insert(*events, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        recorder.insert_events = insert_and_die  # type: ignore[method-assign]
        opened.do(OpenOpportunity(pipeline="sales"), key=key, request=b"open")


if __name__ == "__main__":
    main(*sys.argv[1:])
