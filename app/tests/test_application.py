from __future__ import annotations

import json
import logging
import re

import pytest
from conftest import ITEM, PASSWORD, Client, engine_of
from inventory_app import items
from inventory_app.headers import HEADERS
from sqlalchemy.exc import OperationalError

UNREACHABLE_REDIS = "redis://127.0.0.1:1/0"


def test_health(app, visitor):
    response = visitor.get("/health")
    assert response.status_code == 200
    cache = "ok" if app.extensions["inventory"].settings.redis_url else "disabled"
    assert response.json == {"status": "ok", "checks": {"database": "ok", "cache": cache}}


def test_health_without_a_database(make_app):
    unreachable = "postgresql://127.0.0.1:1/none"
    client = make_app(DATABASE_URL=unreachable).test_client()
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json["checks"]["database"] == "unavailable"
    for path, kind in (("/api/items", "application/problem+json"), ("/items", "text/html")):
        refused = client.get(path)
        assert refused.status_code == 503
        assert refused.content_type.startswith(kind)
        assert "127.0.0.1" not in refused.text


def test_everything_works_without_the_cache(make_app):
    client = Client(make_app(REDIS_URL=UNREACHABLE_REDIS).test_client())
    assert client.log_in().status_code == 200
    item = client.send("POST", "/api/items", ITEM).json
    assert client.get(f"/api/items/{item['id']}").json == item
    assert client.get("/api/items").json["total"] == 1
    health = client.get("/health")
    assert health.status_code == 200
    assert health.json["status"] == "degraded"
    assert 'inventory_cache_reads_total{result="error"}' in client.get("/api/metrics").text


def test_info(member, item):
    info = member.get("/api/info").json
    assert info["name"] == "inventory"
    assert re.fullmatch(r"\d+\.\d+\.\d+", info["version"])
    assert info["stock"] == {"items": 1, "units": 40, "low_stock": 0}


def test_metrics(visitor):
    visitor.get("/api/items/4711")
    visitor.get("/no/such/page")
    response = visitor.get("/api/metrics")
    assert response.content_type.startswith("text/plain")
    assert "# TYPE inventory_http_requests_total counter" in response.text
    assert 'method="GET",route="unmatched",status="404"' in response.text
    assert "inventory_http_request_duration_seconds_bucket" in response.text
    assert "4711" not in response.text
    assert "/no/such/page" not in response.text


def test_metrics_behind_a_token(make_app):
    client = make_app(METRICS_TOKEN="let-me-read").test_client()
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer ü"}):
        assert client.get("/api/metrics", headers=headers).status_code == 401
    headers = {"Authorization": "Bearer let-me-read"}
    assert client.get("/api/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/items", "/login", "/health", "/api/items", "/openapi.json", "/nothing"]
)
def test_security_headers(visitor, path):
    response = visitor.get(path)
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert response.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in response.headers


def test_pages_need_no_inline_code(member, item):
    path = f"/items/{item['id']}"
    for page in ("/", "/items", path, f"{path}/edit", "/items/new", "/login", "/nothing"):
        text = member.get(page).text
        assert "<script" not in text
        assert " style=" not in text
        assert not re.search(r"\son\w+=", text)


def test_static_files(visitor):
    response = visitor.get("/static/app.css")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    response.close()
    assert visitor.get("/static/../config.py").status_code == 404
    assert visitor.get("/static/%2e%2e/config.py").status_code == 404


def test_errors_fit_the_reader(visitor):
    api = visitor.get("/api/nothing")
    assert api.status_code == 404
    assert api.content_type == "application/problem+json"
    assert api.json["request_id"] == api.headers["X-Request-ID"]
    page = visitor.get("/nothing")
    assert page.status_code == 404
    assert page.content_type.startswith("text/html")


def test_a_fault_says_nothing_about_itself(visitor, monkeypatch, caplog):
    def fail(*_arguments):
        raise RuntimeError("the secret cause")

    monkeypatch.setattr(items, "list_items", fail)
    for path in ("/api/items", "/items"):
        response = visitor.get(path)
        assert response.status_code == 500
        assert "secret cause" not in response.text
    assert "secret cause" in caplog.text


def test_a_database_error_is_a_503(visitor, monkeypatch):
    def fail(*_arguments):
        raise OperationalError("SELECT password", {}, RuntimeError("gone"))

    monkeypatch.setattr(items, "list_items", fail)
    response = visitor.get("/api/items")
    assert response.status_code == 503
    assert "SELECT" not in response.text


def test_requests_are_logged_as_json(visitor, caplog):
    with caplog.at_level(logging.INFO, logger="inventory_app"):
        response = visitor.get("/no%0Asuch", headers={"X-Request-ID": "client-chosen-1"})
        forged = visitor.get("/", headers={"X-Request-ID": "bad id"})
    assert response.headers["X-Request-ID"] == "client-chosen-1"
    assert forged.headers["X-Request-ID"] != "bad id"
    line = caplog.messages[0]
    assert "\n" not in line
    assert json.loads(line)["path"] == "/no\nsuch"


def test_a_proxy_is_believed_only_when_told(make_app):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    assert (
        "Strict-Transport-Security"
        not in make_app().test_client().get("/", headers=headers).headers
    )
    behind = make_app(TRUSTED_PROXIES="1").test_client()
    assert "Strict-Transport-Security" in behind.get("/", headers=headers).headers


def test_openapi_describes_every_route(app, visitor):
    document = visitor.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    described = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    routed = {
        (re.sub(r"<[^>]*:(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") or rule.rule == "/health"
    }
    assert described == routed
    schemas = document["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)):
        assert name in schemas


def test_answers_have_the_described_fields(member, item):
    schemas = member.get("/openapi.json").json["components"]["schemas"]
    answers = {
        "Item": item,
        "ItemPage": member.get("/api/items").json,
        "Session": member.get("/api/session").json,
        "Info": member.get("/api/info").json,
        "Health": member.get("/health").json,
        "Problem": member.get("/api/nothing").json,
    }
    for name, answer in answers.items():
        assert set(schemas[name]["required"]) == set(answer), name


def test_commands(make_app):
    app = make_app()
    run = app.test_cli_runner().invoke
    assert run(args=["create-tables"]).exit_code == 0
    created = run(args=["create-user", "sam", "--password-stdin"], input=f"{PASSWORD}\n")
    assert created.exit_code == 0
    assert PASSWORD not in created.output
    again = run(args=["create-user", "sam", "--password-stdin"], input=f"{PASSWORD}\n")
    assert again.exit_code == 1
    assert "exists already" in again.output
    typed = run(args=["create-user", "kim"], input=f"{PASSWORD}\n{PASSWORD}\n")
    assert typed.exit_code == 0
    assert run(args=["add-samples"]).exit_code == 0
    assert "is there already" in run(args=["add-samples"]).output
    assert Client(app.test_client()).log_in("sam").status_code == 200
    assert engine_of(app).dialect.name in ("sqlite", "postgresql")
