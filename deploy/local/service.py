"""What the services started on this machine have in common: one guarded process, a log, mostly a folder."""

from pathlib import Path

from deploy.local.errors import LocalServiceError
from deploy.local.lock import FolderLock
from deploy.local.process import NOT_STARTED, GuardedProcess


class ProcessService:
    """A service that is one guarded process, which its `start` sets; `log` is the file it logs to."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: GuardedProcess | None = None

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """Its process id, None when it does not run."""
        return self._process.pid if self._process is not None else None

    @property
    def ended(self) -> str:
        """How its process ended, as "signal 9"."""
        return self._process.ended if self._process is not None else NOT_STARTED


class LocalService(ProcessService):
    """A service with its data in a folder; what it is called is `title`.

    Its `start` comes after `_lock_folder` where it keeps data.
    """

    title: str

    def __init__(self, folder: Path, log: str) -> None:
        super().__init__(folder / log)
        self.folder = folder
        self._lock = FolderLock(folder)

    def stop(self) -> None:
        """End it in order; returns when no process of it is left."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        self._lock.release()

    def kill(self) -> None:
        """Kill -9 it with all its processes, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        self._lock.release()

    def _lock_folder(self) -> None:
        if not self._lock.acquire():
            raise LocalServiceError(
                f"{self.title} is already run from {self.folder} by process {self._lock.holder}. "
                "Stop that first, or use another folder."
            )
