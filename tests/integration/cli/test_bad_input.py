"""Bad input: what was given, the sentence that answers it, and what is kept all the same."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from deploy.local.kafka import LocalKafka
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from tests.support.bad_input import AGENT, DEALS, Answer, Case, World, world
from tests.support.bad_input_away import broker_away, database_away, newer_database
from tests.support.bad_input_rows import COMMANDS, FILES
from tests.support.http import database
from tests.support.import_runs import cdnow_lines, file_of, incident_lines
from tests.support.kafka import empty_topics


@pytest.fixture(scope="module")
def here(
    postgres: LocalPostgres, kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One installation for the whole table: what is bad leaves nothing behind that the next row meets."""
    empty_topics(kafka.bootstrap)
    home, files = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files")
    with (
        database(postgres, "bad_input") as url,
        world(home, files, url, kafka.bootstrap) as installation,
    ):
        yield installation


def missing_file(here: World) -> Answer:
    empty = here.files / "empty"
    empty.mkdir()
    return here.cli("import", "maven", str(empty))


def wrong_encoding(here: World) -> Answer:
    return here.imported("UTF16000", encoding="utf-16")


def bad_row(name: str, row: str) -> Callable[[World], Answer]:
    """An import whose first and last rows are good, with a bad one between."""

    def act(here: World) -> Answer:
        answer = here.imported(name, row, DEALS[1])
        assert here.claimed(name), "the good row before the bad one was not taken"
        assert here.claimed(DEALS[1].split(",")[0]), "the good row behind the bad one was not taken"
        assert not here.claimed("BAD00001")
        return answer

    return act


def latin_1_row(here: World) -> Answer:
    return here.imported("LATIN100", f"BAD00001,{AGENT},GTX Bäsic,,Prospecting,,,", encoding="latin-1")


def no_file(verb: str) -> Callable[[World], Answer]:
    return lambda here: here.cli("import", verb, str(here.files / "nowhere.csv"))


def file_of_lines(verb: str, *lines: str, config: str | None = None) -> Callable[[World], Answer]:
    """An import of one file with these lines; `config` is the text of a configuration."""

    def act(here: World) -> Answer:
        path = file_of(here.files / f"{uuid4()}.txt", *lines)
        settings = here.files / f"{uuid4()}.toml"
        if config is None:
            return here.cli("import", verb, str(path))
        settings.write_text(config)
        return here.cli("import", verb, str(path), "--config", str(settings))

    return act


def body_too_large(here: World) -> Answer:
    return here.post(
        "/v1/opportunities", pipeline="sales", reference={"source": "x" * 2**20, "external_id": "1"}
    )


def bad_reasons(here: World) -> Answer:
    file = here.files / "reasons.toml"
    file.write_text('[case]\nrejected = ["Not ours"]\n')
    return here.cli("import", "maven", str(here.files / "GOOD0000"), RAPPORT_REASONS_FILE=str(file))


def taken_reference(here: World) -> Answer:
    """One customer is to be known by what the sales system calls another one."""
    customer, version, reference = here.ask(
        "SELECT json_build_array(e.aggregate_id, max(e.version),"
        " (SELECT json_build_object('source', c.source, 'external_id', c.external_id)"
        " FROM store.claim c WHERE c.id <> e.aggregate_id LIMIT 1))"
        " FROM store.event e WHERE e.type LIKE 'crm.customer.%' GROUP BY e.aggregate_id LIMIT 1"
    )
    return here.post(f"/v1/customers/{customer}:addReference", version, reference=reference)


def port_in_use(here: World) -> Answer:
    with socket.create_server(("127.0.0.1", free_port())) as holder:
        return here.process("api", RAPPORT_API_PORT=str(holder.getsockname()[1]))


CDNOW, BOUGHT = cdnow_lines()[0], cdnow_lines()[1:4]  # two customers
LOG, *UPDATES = incident_lines()
WELL, ILL = UPDATES[:4], UPDATES[4:13]  # two cases of one caller
UNKNOWN_STATE = [line.replace(",Active,", ",Dreaming,") for line in ILL]

NEWER = "is at version 9999; this program knows versions up to"
ALL = "all, unchanged"

TABLE = (
    Case(
        given="missing file",
        act=missing_file,
        answer=2,
        sentence="error: There is no sales_teams.csv (nor sales_teams.csv.gz) in",
        kept=ALL,
    ),
    Case(
        given="missing folder",
        act=lambda here: here.cli("import", "maven", str(here.files / "nowhere")),
        answer=2,
        sentence="error: There is no folder",
        kept=ALL,
    ),
    Case(
        given="wrong encoding of a file",
        act=wrong_encoding,
        answer=2,
        sentence="The header of sales_pipeline.csv cannot be read. The line is not UTF-8: byte 1 is 0xff.",
        kept=ALL,
    ),
    Case(
        given="wrong encoding of a row",
        act=latin_1_row,
        answer=1,
        sentence="sales_pipeline.csv line 3: The line is not UTF-8:",
        kept="the other rows",
        added=1,
    ),
    Case(
        given="broken row in the middle",
        act=bad_row("BROKEN00", "BAD00001,three,fields"),
        answer=1,
        sentence="sales_pipeline.csv line 3: The row has 3 fields where the header has 8.",
        kept="the other rows",
        added=3,  # among them the real first deal: opened and won
    ),
    Case(
        given="unknown stage in a file",
        act=bad_row("STAGE000", f"BAD00001,{AGENT},GTX Basic,,Dreaming,1/1/2017,,"),
        answer=1,
        sentence="sales_pipeline.csv line 3: The stage Dreaming is unknown in the pipeline",
        kept="the other rows",
        added=1,
    ),
    *(
        Case(
            given=f"missing file of {verb}",
            act=no_file(verb),
            answer=2,
            sentence="nowhere.csv. Name the file to import; nothing was imported.",
            kept=ALL,
        )
        for verb in ("cdnow", "incidents")
    ),
    Case(
        given="a log of incidents in place of purchases",
        act=file_of_lines("cdnow", LOG, *WELL),
        answer=2,
        sentence="must be customer_id date number_of_cds dollar_value; it is number,incident_state,",
        kept=ALL,
    ),
    Case(
        given="purchases in place of a log of incidents",
        act=file_of_lines("incidents", CDNOW, *BOUGHT),
        answer=2,
        sentence="lacks number, incident_state, sys_mod_count,",
        kept=ALL,
    ),
    Case(
        given="a date that is none in a file of purchases",
        act=file_of_lines("cdnow", CDNOW, BOUGHT[0], " 00001 19970230 1 5.00", *BOUGHT[1:]),
        answer=1,
        sentence="line 3: The date 19970230 is not valid. Write year, month and day, such as 19970131.",
        kept="the other purchases and their two customers",
        added=5,
    ),
    Case(
        given="a negative value in a file of purchases",
        act=file_of_lines("cdnow", CDNOW, " 00003 19970101 1 -5.00"),
        answer=1,
        sentence="line 2: The dollar_value -5.00 is negative.",
        kept=ALL,
    ),
    Case(
        given="an unknown state in a log of incidents",
        act=file_of_lines("incidents", LOG, *WELL, *UNKNOWN_STATE),
        answer=1,
        sentence="line 7: The incident_state Dreaming is unknown; the configuration has New, Active,",
        kept="the other case with its caller",
        added=4,
    ),
    Case(
        given="a row that is cut off in a log of incidents",
        act=file_of_lines("incidents", LOG, ILL[0], ILL[1][:40], *ILL[2:]),
        answer=1,
        sentence="line 3: The row has",
        kept="nothing of the case, whose history would have a hole",
    ),
    Case(
        given="a time zone that is none for a log of incidents",
        act=file_of_lines("incidents", LOG, *ILL, config='zone = "Mars/Olympus"\n[states]\nNew = "new"\n'),
        answer=2,
        sentence="zone in the import's configuration is Mars/Olympus, and there is no such time zone.",
        kept=ALL,
    ),
    Case(
        given="unknown stage in a request",
        act=lambda here: here.move("moveStage", stage="dreaming"),
        answer=422,
        sentence="The pipeline sales has no stage 'dreaming'. Its stages are: prospecting,",
        kept=ALL,
    ),
    Case(
        given="negative amount in a file",
        act=bad_row("MINUS000", f"BAD00001,{AGENT},GTX Basic,,Won,1/1/2017,1/2/2017,-5"),
        answer=1,
        sentence="sales_pipeline.csv line 3: The close_value -5 is negative.",
        kept="the other rows",
        added=1,
    ),
    Case(
        given="negative amount in a request",
        act=lambda here: here.move("changeAmount", amount={"amount": "-5", "currency": "USD"}),
        answer=422,
        sentence="negative",
        kept=ALL,
    ),
    Case(
        given="close before opening in a file",
        act=bad_row("CLOSE000", f"BAD00001,{AGENT},GTX Basic,,Won,1/2/2017,1/1/2017,5"),
        answer=1,
        sentence="sales_pipeline.csv line 3: The close on 2017-01-01 precedes the",
        kept="the other rows",
        added=1,
    ),
    Case(
        given="close before opening in a request",
        act=lambda here: here.move("win", at="2001-01-01T00:00:00Z"),
        answer=422,
        sentence="The time 2001-01-01T00:00:00+00:00 precedes the record's last event",
        kept=ALL,
    ),
    Case(
        given="unknown id in a command",
        act=lambda here: here.post(f"/v1/opportunities/{uuid4()}:win", 1),
        answer=404,
        sentence="There is no opportunity with the id",
        kept=ALL,
    ),
    Case(
        given="unknown id on the command line",
        act=lambda here: here.cli("keys", "revoke", str(uuid4())),
        answer=1,
        sentence="There is no API key with the id",
        kept=ALL,
    ),
    Case(
        given="open words for a preference",
        act=lambda here: here.post(
            "/v1/customers", kind="person", name="Ann", preferences={"contact_hours": "after the late shift"}
        ),
        answer=422,
        sentence="Give up to 4 spans of a day in their order, such as 09:00-12:00,14:00-17:30.",
        kept=ALL,
    ),
    Case(
        given="a file of reasons with one that is no slug",
        act=bad_reasons,
        answer=2,
        sentence="The reasons for which a case is rejected must each be a slug such as no-budget",
        kept=ALL,
    ),
    Case(
        given="an external id of another record, added to a customer",
        act=taken_reference,
        answer=409,
        sentence="is already the record",
        kept=ALL,
    ),
    Case(
        given="body too large",
        act=body_too_large,
        answer=413,
        sentence="body-too-large",
        kept=ALL,
    ),
    Case(
        given="port in use",
        act=port_in_use,
        answer=2,
        sentence="listens there already. Stop that, or choose another address with RAPPORT_API_PORT",
        kept=ALL,
    ),
    Case(
        given="broker away, asked how the relay stands",
        act=broker_away("relay", "status"),
        answer=1,
        sentence="does not answer",
        kept="events, sealed in the store meanwhile",
    ),
    Case(
        given="broker away, migrating",
        act=broker_away("migrate"),
        answer=2,
        sentence="error: Rapport can't use Kafka.",
        kept=ALL,
    ),
    Case(
        given="broker away, asking the doctor",
        act=broker_away("doctor"),
        answer=1,
        sentence="commands are recorded and sealed; read models stand still.",
        kept=ALL,
    ),
    Case(
        given="database away, asked how the read models stand",
        act=database_away("projection", "status"),
        answer=1,
        sentence="error: PostgreSQL doesn't answer (event store).",
        kept=ALL,
    ),
    Case(
        given="database away, listing keys",
        act=database_away("keys", "list"),
        answer=2,
        sentence="error: Rapport can't use PostgreSQL.",
        kept=ALL,
    ),
    *(
        Case(
            given=f"database of a newer version, {' '.join(words)}",
            act=newer_database(*words),
            answer=2,
            sentence=NEWER,
            kept="the database, untouched",
        )
        for words in (("migrate",), ("api",), ("relay", "run"), ("keys", "list"))
    ),
    *COMMANDS,
    *FILES,
)


@pytest.mark.parametrize("case", TABLE, ids=[case.given for case in TABLE])
def test_bad_input_gets_a_sentence_and_costs_nothing_else(here: World, case: Case) -> None:
    before = here.events()

    answer, said = case.act(here)

    assert case.sentence in said, said
    assert answer == case.answer, said
    assert "Traceback" not in said
    assert here.events() == before + case.added, case.kept
    # What was there before goes on: the API answers, the open opportunity is as it was.
    moved, text = here.move("moveStage", stage="nowhere")
    assert (moved, "nowhere" in text) == (422, True)
