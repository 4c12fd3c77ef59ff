"""Apache Kafka's jars: fetched once, and never run with another hash than the committed one."""

import hashlib
import shutil
import time
from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.errors import LocalServiceError
from deploy.local.jars import ensure_jars, listed_hashes
from deploy.local.kafka import LocalKafka

CONTENT = {"one.jar": b"first", "two.jar": b"second"}


@pytest.fixture
def hashes(tmp_path: Path) -> Path:
    """A list of two jars."""
    file = tmp_path / "list.sha256"
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in CONTENT.items()]
    file.write_text("".join(lines))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds them."""
    here = tmp_path / "jars"
    here.mkdir()
    for name, content in CONTENT.items():
        (here / name).write_bytes(content)
    return here


def fetcher(tmp_path: Path, script: str) -> Path:
    """A program in place of the one that asks Maven Central; it counts its runs in the file `runs`."""
    file = tmp_path / "resolve.py"
    runs = tmp_path / "runs"
    file.write_text(f"import sys, pathlib\nopen({str(runs)!r}, 'a').write('.')\n{script}\n")
    return file


def test_the_committed_list_is_of_the_jars_that_run(kafka: LocalKafka) -> None:
    """Given the tests' broker, then its jars are those of the list, each with its hash, and it is quick."""
    begin = time.monotonic()
    found = ensure_jars(kafka.jars)
    assert time.monotonic() - begin < 5
    assert {jar.name for jar in found} == set(listed_hashes())
    assert {"kafka_2.13-4.3.1.jar", "kafka-clients-4.3.1.jar", "slf4j-simple-1.7.36.jar"} <= set(
        listed_hashes()
    )


def test_a_jar_with_another_hash_is_refused_and_named(
    folder: Path, hashes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a jar that was changed, then a sentence names it, and nothing is fetched over it."""
    (folder / "two.jar").write_bytes(b"second!")
    monkeypatch.setattr(jars, "RESOLVE", fetcher(folder.parent, ""))
    with pytest.raises(LocalServiceError) as refused:
        ensure_jars(folder, hashes=hashes)
    assert "another hash has two.jar. They were changed, or damaged on the way." in str(refused.value)
    assert f"Remove {folder} to have them fetched again" in str(refused.value)
    assert not (folder.parent / "runs").exists()


def test_no_broker_is_started_on_a_changed_jar(kafka: LocalKafka, tmp_path: Path) -> None:
    """Given the real jars with one byte added, when a broker is started, then nothing of it runs."""
    copies = tmp_path / "jars"
    shutil.copytree(kafka.jars, copies)
    with (copies / "kafka-server-4.3.1.jar").open("ab") as jar:
        jar.write(b"x")
    broker = LocalKafka(tmp_path / "kafka", copies)
    with pytest.raises(LocalServiceError, match=r"another hash has kafka-server-4\.3\.1\.jar"):
        broker.start()
    assert not broker.log.exists()


def test_jars_that_are_not_in_the_list_are_never_run(folder: Path, hashes: Path) -> None:
    """Given a further jar in the folder, then it is not among those that are given to Java."""
    (folder / "planted.jar").write_bytes(b"planted")
    assert [jar.name for jar in ensure_jars(folder, hashes=hashes)] == ["one.jar", "two.jar"]


def test_missing_jars_are_fetched_once_and_it_is_said(
    tmp_path: Path, hashes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no jars, then they are fetched with one line about it; the second time nothing is."""
    script = (
        "place = pathlib.Path(sys.argv[2]) / 'cache' / 'envs' / 'modules'\n"
        "place.mkdir(parents=True)\n"
        f"[(place / name).write_bytes(content) for name, content in {CONTENT!r}.items()]"
    )
    monkeypatch.setattr(jars, "RESOLVE", fetcher(tmp_path, script))
    said: list[str] = []
    for _ in range(2):
        found = ensure_jars(tmp_path / "fresh", said.append, hashes)
        assert [jar.read_bytes() for jar in found] == [b"first", b"second"]
    assert len(said) == 1
    assert said[0].startswith("Fetching Apache Kafka 4.3.1 (2 jars")
    assert (tmp_path / "runs").read_text() == "."
    assert not (tmp_path / "fresh.fetch").exists()


def test_a_fetched_jar_with_another_hash_is_refused(
    tmp_path: Path, hashes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a source that gives another jar than the listed one, then it is refused."""
    script = (
        "place = pathlib.Path(sys.argv[2]) / 'cache' / 'jars'\n"
        "place.mkdir(parents=True)\n"
        "(place / 'one.jar').write_bytes(b'first'), (place / 'two.jar').write_bytes(b'forged')"
    )
    monkeypatch.setattr(jars, "RESOLVE", fetcher(tmp_path, script))
    with pytest.raises(LocalServiceError, match=r"another hash has two\.jar"):
        ensure_jars(tmp_path / "fresh", hashes=hashes)


def test_jars_that_cannot_be_had_give_a_sentence(
    tmp_path: Path, hashes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no way to Maven Central, then the sentence has the cause and three ways out, after 3 attempts."""
    script = "sys.exit('Traceback (most recent call last):\\nConnectionError: no route to host')"
    monkeypatch.setattr(jars, "RESOLVE", fetcher(tmp_path, script))
    with pytest.raises(LocalServiceError) as refused:
        ensure_jars(tmp_path / "fresh", hashes=hashes)
    text = str(refused.value)
    assert "could not be fetched from Maven Central, in 3 attempts: ConnectionError: no route to host" in text
    assert "Try again with access to it" in text
    assert f"copy the jars listed in kafka.sha256 to {tmp_path / 'fresh'}" in text
    assert "give the address of a Kafka of your own" in text
    assert (tmp_path / "runs").read_text() == "..."
