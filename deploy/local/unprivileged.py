"""How to run PostgreSQL's programs when this process is root, which PostgreSQL refuses."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LocalServiceError

UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


@dataclass(frozen=True, kw_only=True)
class RunAs:
    """`prefix` goes before each command line; `user` (uid, gid) is changed to, and owns the data."""

    prefix: tuple[str, ...] = ()
    user: tuple[int, int] | None = None


def succeeds(argv: list[str], user: tuple[int, int] | None) -> bool:
    """Whether a command can be run so and exits with 0."""
    try:
        uid, gid = user or (None, None)
        groups: list[int] | None = [] if user else None
        done = subprocess.run(
            argv, user=uid, group=gid, extra_groups=groups, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def run_as(program: Path, folder: Path) -> RunAs:
    """Choose how to run `program`, with its data in `folder`.

    An ordinary user runs it as it is. Root runs it in a user namespace in which it is another user: files
    stay root's own, so data below a folder of mode 0700 works. Where the system forbids that, the program
    is run as `nobody`, which then owns the folder and has to reach program and folder.
    """
    if os.geteuid() != 0:
        return RunAs()
    probe = ["sh", "-c", 'test -w "$1" && exec "$0" --version', str(program), str(folder)]
    if succeeds([*UNSHARE, *probe], None):
        return RunAs(prefix=UNSHARE)
    nobody = pwd.getpwnam("nobody")
    user = (nobody.pw_uid, nobody.pw_gid)
    os.chown(folder, *user)
    if succeeds(probe, user):
        return RunAs(user=user)
    os.chown(folder, 0, 0)
    raise LocalServiceError(
        f"PostgreSQL does not run as root, and this process can't become another user: the system refuses "
        f"user namespaces, and the user {nobody.pw_name} cannot reach {program} or {folder}. Start this as "
        "an ordinary user, or move the checkout to a folder that others may enter (chmod o+x its parents)."
    )
