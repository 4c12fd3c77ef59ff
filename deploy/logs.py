"""Logging of a process: lines on standard error; what must not reach a user's screen in a file."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Final

FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
DEFECTS: Final = "rapport.log"


def configure(level: str) -> None:
    """Logs of this process on standard error, UTC. The servers' loggers show warnings and errors. Kafka's
    client is silent: it warns ten times a second while its broker is away, and its callers report what it
    raises."""
    formatter = logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    for chatty in ("httpx", "httpcore", "uvicorn.access", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def keep_defect(home: Path, error: BaseException) -> Path | None:
    """Writes the traceback of an unforeseen error to `<home>/log/rapport.log` (0600); the file, or None where
    it can't be written."""
    file = home / "log" / DEFECTS
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        handler = logging.FileHandler(file)
    except OSError:
        return None
    handler.setFormatter(logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S"))
    record = logging.LogRecord(
        "rapport", logging.ERROR, __file__, 0, "%s", (str(error),), (type(error), error, error.__traceback__)
    )
    handler.emit(record)
    handler.close()
    return file
