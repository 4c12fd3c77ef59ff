"""The folder that everything on this machine lives in, `.rapport` of the checkout by default."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import LocalServiceError
from deploy.local.lock import FolderLock


class StateFolder:
    """Names the sub folders, makes them with mode 0700, and holds the lock of who runs them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.postgres = root / "postgres"
        self.kafka = root / "kafka"
        self.jars = root / "kafka-jars"
        self.log = root / "log"
        self.secrets = root / "secrets"

    def prepare(self) -> None:
        """Make the folders; raises `LocalServiceError` when that is not allowed."""
        try:
            for folder in (self.root, self.postgres, self.kafka, self.log, self.secrets):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise LocalServiceError(
                f"The folder {self.root} can't be used: {error.strerror} ({error.filename}). Make it "
                "writable for this user, or set RAPPORT_HOME to another folder."
            ) from None

    @property
    def in_use_by(self) -> str | None:
        """The process id of who runs on this folder now; None when nobody does."""
        if not self.root.exists():
            return None
        lock = FolderLock(self.root)
        if lock.acquire():
            lock.release()
            return None
        return lock.holder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, for `rapport up` and what removes its data; another is refused with a sentence."""
        self.prepare()
        lock = FolderLock(self.root)
        if not lock.acquire():
            raise LocalServiceError(
                f"Rapport already runs on {self.root}, as process {lock.holder}. Stop that with Ctrl-C in "
                f"its terminal or `kill {lock.holder}`, or set RAPPORT_HOME to another folder."
            )
        try:
            yield
        finally:
            lock.release()
