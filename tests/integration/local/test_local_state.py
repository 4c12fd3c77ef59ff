"""The state folder: closed to others, one owner at a time, and what `make clean` removes of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.clean import clean
from deploy.local.errors import LocalServiceError
from deploy.local.lock import FolderLock
from deploy.local.state import StateFolder
from deploy.settings import load

HOLDER = """
import sys, time
from pathlib import Path
from deploy.local.lock import FolderLock
from deploy.local.state import StateFolder
with StateFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A folder as `rapport up` leaves it."""
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    folder.jars.mkdir()
    for file in (
        folder.postgres / "port",
        folder.jars / "a.jar",
        folder.secrets / "kek",
        folder.log / "api.log",
    ):
        file.write_text("5432")
    (folder.root / "rapport.env").touch()
    return folder


def holder_of(state: StateFolder) -> str | None:
    """Who holds the folder at this moment."""
    return state.in_use_by


def test_its_folders_are_closed_to_others(state: StateFolder) -> None:
    """Then all have mode 0700, also one that stood open before."""
    state.log.chmod(0o755)
    state.prepare()
    folders = (state.root, state.postgres, state.kafka, state.log, state.secrets)
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Given a file where the folder should be, then the sentence says so and what to do."""
    (tmp_path / "state").touch()
    with pytest.raises(LocalServiceError, match=f"{tmp_path / 'state'} can't be used: .*set RAPPORT_HOME"):
        StateFolder(tmp_path / "state").prepare()


def test_two_on_one_folder_are_refused_until_the_first_is_gone(state: StateFolder) -> None:
    """Given a process that holds the folder, then another is refused and told who it is; when the first is
    killed -9, the folder is free at once."""
    assert holder_of(state) is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state.root)], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(
                LocalServiceError, match=f"already runs on {state.root}, as process {holder.pid}"
            ):
                state.locked().__enter__()
            assert holder_of(state) == str(holder.pid)
        finally:
            holder.kill()
    with state.locked():
        assert holder_of(state) == str(os.getpid())
    assert holder_of(state) is None


def test_clean_removes_all_but_the_jars(state: StateFolder) -> None:
    """Given a folder nobody runs on, then data, logs and secrets go, the jars stay."""
    said = clean(load(home=state.root))
    assert said == f"Removed data, logs and secrets in {state.root}."
    assert sorted(path.name for path in state.root.iterdir()) == ["kafka-jars", "lock"]
    assert (state.jars / "a.jar").exists()


def test_clean_is_refused_while_something_runs(state: StateFolder) -> None:
    """Given a holder of the folder, or a test session in it, then the message names it and nothing is
    removed."""
    with state.locked(), pytest.raises(LocalServiceError, match="already runs on"):
        clean(load(home=state.root))
    session = state.root / f"test-{os.getpid()}"
    session.mkdir()
    with pytest.raises(LocalServiceError, match=f"Tests run on {session}, as process {os.getpid()}"):
        clean(load(home=state.root))
    assert (state.secrets / "kek").exists()
    assert (state.postgres / "port").exists()


def test_clean_keeps_the_keys_of_data_that_lies_elsewhere(state: StateFolder) -> None:
    """Given the URL of a PostgreSQL server of one's own, then its keys stay: without them its personal data
    would be lost."""
    elsewhere = load(home=state.root, store_url="postgresql://rapport_app:x@db.example:6543/crm")
    assert "stay: they open data in the PostgreSQL server" in clean(elsewhere)
    assert (state.secrets / "kek").exists()
    assert not state.postgres.exists()


def test_clean_of_nothing_says_so(tmp_path: Path) -> None:
    """Given no folder, then a sentence says so and none is made."""
    assert "Nothing to remove" in clean(load(home=tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_released_lock_is_free_though_a_forked_process_still_has_it_open(tmp_path: Path) -> None:
    """Given a lock whose file a child has inherited, when it is released, then another can take it: a test
    that forked its writers must be able to start the server again that it killed."""
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    inherited = lock._fd
    assert inherited is not None
    with subprocess.Popen(["sleep", "30"], pass_fds=(inherited,)) as child:
        taken_before = FolderLock(tmp_path).acquire()
        lock.release()
        taken_after = FolderLock(tmp_path).acquire()
        child.kill()
    assert (taken_before, taken_after) == (False, True)
