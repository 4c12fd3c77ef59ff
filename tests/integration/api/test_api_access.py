"""Who may do what: every route has a scope, keys are checked, refusals are logged without secrets."""

from __future__ import annotations

import base64
import importlib
import logging
import pkgutil
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import psycopg2
import pytest
from fastapi import APIRouter, FastAPI

import api as api_package
from api.app import create_app
from api.services import ApiLimits
from commands.directory.api_keys import SCOPES
from deploy.local.postgres import LocalPostgres
from domain.kernel.errors import Invalid, NotFound
from tests.support.http import PRINCIPAL, Api, database, problem, running
from tests.support.relaying import until

OPEN = {"/livez", "/readyz"}
PAGES = {"/docs", "/docs/assets", "/openapi.json"}
PIPELINES = "/v1/pipelines"


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    limits = ApiLimits(refused_rate="100000/second")
    with database(postgres, "api_access") as url, running(url, limits=limits) as served:
        yield served


def documented(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of every route of the OpenAPI document, with ids filled in."""
    return [
        (
            method.upper(),
            re.sub(r"\{(id|opportunity_id)\}", str(UUID(int=1)), path).replace("{pipeline_id}", "x"),
        )
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    ]


def test_every_route_refuses_who_has_no_key_and_who_lacks_its_scope(api: Api) -> None:
    app = create_app(api.services)
    checked = 0
    eraser, reader = api.key("privacy:erase"), api.key("crm:read")
    with httpx.Client(base_url=api.address) as anybody:
        for method, path in documented(app):
            if path in OPEN:
                assert anybody.request(method, path).status_code == 200
                continue
            body: dict[str, str] | None = {} if method == "POST" else None
            problem(anybody.request(method, path, json=body), 401, "unauthenticated")
            lacking = reader if path.endswith((":erase", "/export")) else eraser
            problem(anybody.request(method, path, json=body, headers=bearer(lacking)), 403, "scope-missing")
            checked += 1
    assert checked > 30


def test_every_route_declares_one_scope(api: Api) -> None:
    """By declaration, so that a body that does not fit cannot hide a route without a scope."""
    app = create_app(api.services)
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            needs = operation.get("security")
            assert (path in OPEN) == (not needs), f"{method} {path} has no scope"
            if needs:
                ((scheme, scopes),) = needs[0].items()
                assert scheme == "ApiKey"
                assert len(scopes) == 1
                assert scopes[0] in SCOPES


def test_no_route_is_left_out_of_the_document(api: Api) -> None:
    """What is not documented is not walked by the tests above: only the page itself may be missing."""
    app = create_app(api.services)
    declared = {str(path) for route in app.routes if (path := getattr(route, "path", None))}
    for found in pkgutil.walk_packages(api_package.__path__, "api."):
        router = getattr(importlib.import_module(found.name), "router", None)
        if isinstance(router, APIRouter):
            declared |= {str(getattr(route, "path_format", route)) for route in router.routes}
    assert declared - set(app.openapi()["paths"]) == PAGES
    assert len(declared) > 30


def test_no_key_is_401_with_a_challenge(api: Api) -> None:
    answer = httpx.get(api.address + PIPELINES)
    assert "rapport keys create" in problem(answer, 401, "unauthenticated")["detail"]
    assert answer.headers["www-authenticate"] == 'Bearer realm="rapport"'


def forged(key: str) -> str:
    """The same key with one bit of its secret changed; its id stays that of a real key."""
    raw = bytearray(base64.urlsafe_b64decode(key.removeprefix("rk_")))
    raw[-1] ^= 1
    return "rk_" + base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize(
    "sent",
    ["rk_", "rk_x", "rk_" + "A" * 64, "x" * 500, "rk_" + "A" * 63 + "ä", "rk_" + "=" * 64],
)
def test_rubbish_instead_of_a_key_is_401(api: Api, sent: str) -> None:
    answer = httpx.get(api.address + PIPELINES, headers=[(b"Authorization", b"Bearer " + sent.encode())])
    problem(answer, 401, "unauthenticated")


def test_a_key_with_one_bit_changed_is_401(api: Api) -> None:
    key = api.key("crm:read")
    assert httpx.get(api.address + PIPELINES, headers=bearer(key)).status_code == 200
    answer = httpx.get(api.address + PIPELINES, headers=bearer(forged(key)))
    problem(answer, 401, "unauthenticated")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_another_way_to_send_a_key_is_401(api: Api) -> None:
    key = api.key("crm:read")
    for value in (key, f"Basic {key}", f"Bearer{key}"):
        answer = httpx.get(api.address + PIPELINES, headers={"Authorization": value})
        problem(answer, 401, "unauthenticated")
    problem(httpx.get(f"{api.address}{PIPELINES}?key={key}"), 401, "unauthenticated")


def test_a_key_without_the_scope_is_403_and_names_it(api: Api) -> None:
    head = api.services.head()
    answer = api.send("POST", "/v1/opportunities", "crm:read", json={"pipeline": "sales"})
    found = problem(answer, 403, "scope-missing")
    assert found["scope"] == "crm:write"
    assert "crm:write" in found["detail"]
    assert 'scope="crm:write"' in answer.headers["www-authenticate"]
    assert api.services.head() == head, "nothing was recorded"


def test_a_revoked_key_stops_working_at_once(api: Api) -> None:
    id, key = api.services.api_keys.create(PRINCIPAL, "short", ["crm:read"])
    assert httpx.get(api.address + PIPELINES, headers=bearer(key)).status_code == 200
    api.services.api_keys.revoke(id)
    problem(httpx.get(api.address + PIPELINES, headers=bearer(key)), 401, "unauthenticated")
    revoked = next(found for found in api.services.api_keys.list() if found.id == id).revoked
    api.services.api_keys.revoke(id)
    again = next(found for found in api.services.api_keys.list() if found.id == id).revoked
    assert revoked == again is not None


def test_events_name_the_kind_of_actor_that_the_key_acts_for(api: Api) -> None:
    for kind, actor in (("agent", "user"), ("team", "user"), ("service_account", "service_account")):
        id = api.client.post("/v1/principals", json={"kind": kind, "name": "Ann"}).json()["id"]
        _, key = api.services.api_keys.create(UUID(id), "theirs", ["crm:write"])
        made = httpx.post(f"{api.address}/v1/opportunities", json={"pipeline": "sales"}, headers=bearer(key))
        state = api.services.crm.repository.event_store.get(made.json()["id"])
        (event,) = list(state)
        assert (event.actor.id, event.actor.kind) == (UUID(id), actor)  # type: ignore[attr-defined]


def test_the_keys_of_a_deactivated_principal_stop_working(api: Api) -> None:
    """Within the ten seconds that a principal is remembered; the server here has never met this one."""
    id = api.client.post("/v1/principals", json={"kind": "agent", "name": "Bob"}).json()["id"]
    _, key = api.services.api_keys.create(UUID(id), "theirs", ["crm:read"])
    gone = api.client.post(f"/v1/principals/{id}:deactivate", headers={"If-Match": '"1"'})
    assert gone.status_code == 200
    found = problem(httpx.get(api.address + PIPELINES, headers=bearer(key)), 403, "principal-deactivated")
    assert id in found["detail"]


def test_an_expired_key_does_not_work(api: Api) -> None:
    now = datetime.now(UTC)
    for expires, status in ((now - timedelta(seconds=1), 401), (now + timedelta(hours=1), 200)):
        _, key = api.services.api_keys.create(PRINCIPAL, "expiring", ["crm:read"], expires)
        assert httpx.get(api.address + PIPELINES, headers=bearer(key)).status_code == status


def test_the_database_holds_no_key(api: Api) -> None:
    key = api.key("crm:read")
    secret = base64.urlsafe_b64decode(key.removeprefix("rk_"))
    with psycopg2.connect(api.urls.admin) as connection, connection.cursor() as c:
        c.execute("SELECT string_agg(k::text, ' '), string_agg(hash, ''::bytea) FROM access.api_key k")
        text, hashes = c.fetchall()[0]
    connection.close()
    assert key not in text
    assert secret[16:].hex() not in text
    assert secret[16:] not in bytes(hashes)


def test_keys_are_listed_without_the_key(api: Api) -> None:
    id, key = api.services.api_keys.create(PRINCIPAL, "listed", ["crm:write", "crm:read", "crm:read"])
    found = next(row for row in api.services.api_keys.list() if row.id == id)
    assert (found.principal, found.name, found.scopes) == (
        PRINCIPAL,
        "listed",
        frozenset({"crm:read", "crm:write"}),
    )
    assert key not in repr(found)


@pytest.mark.parametrize(
    ("name", "scopes", "said"),
    [
        ("x", ["crm:everything"], "no scope crm:everything"),
        ("x", [], "at least one scope"),
        (" ", ["crm:read"], "name"),
        ("x" * 101, ["crm:read"], "name"),
    ],
)
def test_a_key_that_cannot_be_is_refused(api: Api, name: str, scopes: list[str], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        api.services.api_keys.create(PRINCIPAL, name, scopes)


def test_revoking_a_key_that_is_not_there_says_so(api: Api) -> None:
    with pytest.raises(NotFound, match="API key"):
        api.services.api_keys.revoke(uuid4())


def logged(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith(name)]


def test_refusals_and_accesses_are_logged_without_secrets_or_personal_data(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    id, key = api.services.api_keys.create(PRINCIPAL, "logged", ["crm:read"])
    wrong = forged(key)
    with caplog.at_level(logging.DEBUG):
        httpx.get(f"{api.address}{PIPELINES}?ann=ann@example.org", headers=bearer(key))
        httpx.get(f"{api.address}/v1/ann@example.org", headers=bearer(key))
        httpx.get(api.address + PIPELINES, headers=bearer(wrong))
        answer = httpx.post(
            f"{api.address}/v1/principals",
            json={"kind": "agent", "name": "ann@example.org"},
            headers=bearer(key),
        )
        # An access is logged once its answer is on its way: the client may have it before the log does.
        until(lambda: len(logged(caplog, "rapport.api.access")) == 4, "all four accesses logged")
    text = "\n".join(logged(caplog, "rapport"))
    assert "unauthenticated GET /v1/pipelines key refused" in text
    assert f"scope-missing POST /v1/principals key={id} needs=crm:write" in text
    assert answer.headers["correlation-id"] in text
    assert re.search(rf"POST /v1/principals 403 [\d.]+ ms key={id} principal={PRINCIPAL}", text)
    for secret in (key, wrong, key[3:40], "ann@example.org"):
        assert secret not in text
