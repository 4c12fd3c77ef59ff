"""What long-running commands share: an orderly end on SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Annotated

import typer

MetricsPortOption = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Port for this process's metrics; RAPPORT_METRICS_PORT where unset."),
]


def stop_event() -> threading.Event:
    """An event that SIGTERM and SIGINT set; the process then ends by itself, with exit code 0."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop
