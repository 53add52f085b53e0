"""Fixtures: the whole suite runs on SQLite without a cache and, when a PostgreSQL and a Redis
are named by APP_TEST_DATABASE_URL and APP_TEST_REDIS_URL, a second time on those."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from inventory_app import create_app
from inventory_app.accounts import create_user
from inventory_app.database import create_tables, metadata, open_engine
from sqlalchemy import Engine, insert
from werkzeug.test import TestResponse

DATABASE_URL = os.environ.get("APP_TEST_DATABASE_URL")
REDIS_URL = os.environ.get("APP_TEST_REDIS_URL")
BACKENDS = ["sqlite", "postgresql"] if DATABASE_URL and REDIS_URL else ["sqlite"]

USERNAME = "alex"
PASSWORD = secrets.token_urlsafe(12)

ITEM = {
    "sku": "CBL-USBC-1M",
    "name": "USB-C cable",
    "description": "Braided.\nOne metre.",
    "location": "A-01",
    "quantity": 40,
    "reorder_level": 10,
}


@dataclass
class Client:
    """A browser: keeps cookies, and sends the CSRF token with every write."""

    http: FlaskClient
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **options: object) -> TestResponse:
        return self.http.get(path, **options)

    def send(self, method: str, path: str, json: object = None, **options: object) -> TestResponse:
        return self.http.open(path, method=method, json=json, headers=self.headers, **options)

    def submit(self, path: str, values: dict[str, object]) -> TestResponse:
        form = {"csrf_token": self.headers.get("X-CSRF-Token", ""), **values}
        return self.http.post(path, data=form)

    def refresh_token(self) -> None:
        self.headers = {"X-CSRF-Token": self.get("/api/session").json["csrf_token"]}

    def log_in(self, username: str = USERNAME, password: str = PASSWORD) -> TestResponse:
        self.refresh_token()
        credentials = {"username": username, "password": password}
        response = self.send("POST", "/api/session", credentials)
        if response.status_code == 200:
            self.headers = {"X-CSRF-Token": response.json["csrf_token"]}
        return response


@pytest.fixture(params=BACKENDS)
def environment(request, tmp_path) -> dict[str, str]:
    """The variables of one application on an empty database."""
    variables = {"APP_ENV": "test", "SECRET_KEY": secrets.token_hex(32)}
    if request.param == "sqlite":
        return {**variables, "DATABASE_URL": f"sqlite:///{tmp_path / 'inventory.db'}"}
    engine = open_engine(DATABASE_URL)
    metadata.drop_all(engine)
    engine.dispose()
    with redis.Redis.from_url(REDIS_URL) as cache:
        cache.flushdb()
    return {**variables, "DATABASE_URL": DATABASE_URL, "REDIS_URL": REDIS_URL}


@pytest.fixture(scope="session")
def account() -> dict[str, object]:
    """The row of one account. Hashing is slow on purpose, so it is done once."""
    app = create_app({"APP_ENV": "test", "DATABASE_URL": "sqlite:///:memory:"})
    engine = app.extensions["inventory"].engine
    create_tables(engine)
    create_user(app.extensions["inventory"], USERNAME, PASSWORD)
    with engine.connect() as connection:
        row = connection.execute(metadata.tables["users"].select()).mappings().one()
        values = {name: value for name, value in row.items() if name != "id"}
    engine.dispose()
    return values


@pytest.fixture
def make_app(environment, account):
    """Builds applications with other settings; closes them afterwards."""
    opened: list[Flask] = []

    def make(**settings: str) -> Flask:
        app = create_app({**environment, **settings})
        opened.append(app)
        return app

    first = make()
    create_tables(engine_of(first))
    with engine_of(first).begin() as connection:
        connection.execute(insert(metadata.tables["users"]).values(account))
    yield make
    for app in opened:
        engine_of(app).dispose()


@pytest.fixture
def app(make_app) -> Flask:
    return make_app()


@pytest.fixture
def visitor(app) -> Client:
    """Somebody who is not logged in, but has a CSRF token."""
    client = Client(app.test_client())
    client.refresh_token()
    return client


@pytest.fixture
def member(app) -> Client:
    """Somebody who is logged in."""
    client = Client(app.test_client())
    assert client.log_in().status_code == 200
    return client


@pytest.fixture
def item(member) -> dict[str, object]:
    """An item that is there already."""
    return member.send("POST", "/api/items", ITEM).json


def engine_of(app: Flask) -> Engine:
    return app.extensions["inventory"].engine
