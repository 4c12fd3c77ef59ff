"""A process that rotates the keys and stands still, under way, after some batches, to be killed there.

python -m tests.support.rotating_process <url of the role rapport_app> <old key> <new key> <batch> <reports>
"""

from __future__ import annotations

import signal
import sys
from uuid import uuid4

from commands.privacy import rotation as rotating
from commands.privacy.kek import FileKek
from commands.privacy.keyring import Keyring


def main(url: str, old: str, new: str, batch: str, reports: str) -> None:
    """Writes a line when it stands still; does not return."""
    rotating.BATCH_ROWS = int(batch)  # type: ignore[misc]
    target = FileKek(bytes.fromhex(new))
    left = int(reports)

    def progress(done: int, whole: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            sys.stdout.write(f"{done} of {whole}\n")
            sys.stdout.flush()
            signal.pause()

    with rotating.rotating(url, Keyring.of(FileKek(bytes.fromhex(old)), target)) as rotation:
        rotation.begin(lambda _: target, uuid4())
        rotation.rewrap(progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
