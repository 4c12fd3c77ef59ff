"""A lock on a folder that ends with the process that holds it, however it ends."""

import fcntl
import os
from pathlib import Path


class FolderLock:
    """An exclusive lock on the file `lock` in a folder; the file tells the holder's process id."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "lock"
        self._fd: int | None = None

    def acquire(self) -> bool:
        """Take the lock, if it is not held already; False when another holds it."""
        if self._fd is not None:
            return True
        fd = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        self._fd = fd
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        fd, self._fd = self._fd, None
        if fd is not None:
            # Closing alone would leave it to any process forked meanwhile.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

    @property
    def holder(self) -> str:
        """The process id in the file, "unknown" where it holds none."""
        text = self.file.read_text().strip() if self.file.exists() else ""
        return text or "unknown"
