from __future__ import annotations

import pytest
from conftest import ITEM, PASSWORD, USERNAME, Client, engine_of
from inventory_app.accounts import AccountError, create_user
from inventory_app.database import metadata, now
from inventory_app.pages import local_path
from sqlalchemy import select, update


def test_session_over_the_api(visitor):
    assert visitor.get("/api/session").json["username"] is None
    response = visitor.log_in(USERNAME.upper())
    assert response.status_code == 200
    assert response.json["username"] == USERNAME
    assert visitor.get("/api/session").json["username"] == USERNAME
    assert visitor.send("DELETE", "/api/session").status_code == 204
    assert visitor.get("/api/session").json["username"] is None


@pytest.mark.parametrize(
    ("username", "password"), [(USERNAME, "wrong"), ("nobody", PASSWORD), ("a' OR '1'='1", "x")]
)
def test_wrong_credentials_look_the_same(visitor, username, password):
    response = visitor.log_in(username, password)
    assert response.status_code == 401
    assert response.json["detail"] == "The username or the password is wrong."
    assert visitor.get("/api/session").json["username"] is None


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"username": USERNAME},
        {"username": USERNAME, "password": ["x"]},
        {"username": USERNAME, "password": "x" * 257},
        {"username": USERNAME, "password": "\ud800"},
        {"username": "a\x00", "password": "x"},
    ],
)
def test_malformed_credentials(visitor, body):
    response = visitor.send("POST", "/api/session", body)
    assert response.status_code == 422
    assert "x" * 20 not in response.text


def test_login_needs_the_csrf_token(app):
    client = app.test_client()
    credentials = {"username": USERNAME, "password": PASSWORD}
    assert client.post("/api/session", json=credentials).status_code == 400
    assert client.post("/login", data=credentials).status_code == 400
    assert client.delete("/api/session").status_code == 400
    assert client.post("/logout").status_code == 400


def test_login_changes_the_session(visitor):
    before = visitor.headers["X-CSRF-Token"]
    visitor.log_in()
    visitor.headers = {"X-CSRF-Token": before}
    assert visitor.send("POST", "/api/items", ITEM).status_code == 400


def test_a_stolen_cookie_ends_with_the_session(app, member):
    thief = Client(app.test_client(), dict(member.headers))
    thief.http.set_cookie("session", member.http.get_cookie("session").value)
    assert thief.get("/api/session").json["username"] == USERNAME
    member.send("DELETE", "/api/session")
    assert thief.get("/api/session").json["username"] is None
    assert thief.send("POST", "/api/items", ITEM).status_code == 401


def test_a_session_expires(app, member):
    sessions = metadata.tables["sessions"]
    with engine_of(app).begin() as connection:
        connection.execute(update(sessions).values(expires_at=now()))
    assert member.get("/api/session").json["username"] is None


def test_only_hashes_are_stored(app, member):
    with engine_of(app).connect() as connection:
        user = connection.execute(select(metadata.tables["users"])).mappings().one()
        session = connection.execute(select(metadata.tables["sessions"])).mappings().one()
    assert user["password_hash"].startswith("scrypt:")
    assert PASSWORD not in user["password_hash"]
    with member.http.session_transaction() as cookie:
        assert cookie["token"] != session["token_digest"]


@pytest.mark.parametrize("way", ["api", "page"])
def test_attempts_are_limited(make_app, way):
    app = make_app(LOGIN_LIMIT="2", LOGIN_WINDOW_SECONDS="600")
    client = Client(app.test_client())
    client.refresh_token()

    def attempt(password):
        if way == "api":
            return client.log_in(USERNAME, password)
        return client.submit("/login", {"username": USERNAME, "password": password})

    assert attempt("wrong").status_code == 401
    assert attempt("wrong").status_code == 401
    refused = attempt(PASSWORD)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "600"
    assert client.get("/api/session").json["username"] is None

    # The limit belongs to the address: the owner of the account can still log in elsewhere.
    elsewhere = Client(app.test_client())
    elsewhere.http.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert elsewhere.log_in().status_code == 200

    # And it ends.
    attempts = metadata.tables["login_attempts"]
    with engine_of(app).begin() as connection:
        connection.execute(update(attempts).values(attempted_at=now().replace(year=2020)))
    assert client.log_in().status_code == 200


def test_one_address_cannot_try_every_account(make_app):
    client = Client(make_app(LOGIN_LIMIT="1").test_client())
    answers = [client.log_in(f"user{number}", "wrong").status_code for number in range(5)]
    assert answers == [401, 401, 401, 401, 429]


def test_a_right_password_clears_the_count(make_app):
    client = Client(make_app(LOGIN_LIMIT="2").test_client())
    for _ in range(2):
        assert client.log_in(password="wrong").status_code == 401
        assert client.log_in().status_code == 200


def test_the_login_page(visitor):
    page = visitor.get("/login?next=/items/new")
    assert page.status_code == 200
    assert 'name="csrf_token"' in page.text
    wrong = visitor.submit("/login", {"username": USERNAME, "password": "<b>wrong</b>"})
    assert wrong.status_code == 401
    assert "<b>wrong" not in wrong.text
    assert visitor.submit("/login", {"username": "", "password": ""}).status_code == 401
    right = visitor.submit("/login?next=/items/new", {"username": USERNAME, "password": PASSWORD})
    assert (right.status_code, right.headers["Location"]) == (302, "/items/new")
    assert USERNAME in visitor.get("/").text
    visitor.refresh_token()
    assert visitor.submit("/logout", {}).headers["Location"] == "/"
    assert "Log in" in visitor.get("/").text


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "/\t/evil.test",
        "evil",
        "",
        "javascript:1",
    ],
)
def test_login_stays_on_this_site(visitor, target):
    assert local_path(target) is None
    form = {"username": USERNAME, "password": PASSWORD}
    response = visitor.http.post(
        "/login", query_string={"next": target}, data=form, headers=visitor.headers
    )
    assert (response.status_code, response.headers["Location"]) == (302, "/")


@pytest.mark.parametrize(
    ("username", "password", "message"),
    [
        ("Upper Case", PASSWORD, "username"),
        ("sam", "short", "password"),
        ("sam", "x" * 257, "password"),
        (USERNAME, PASSWORD, "exists"),
    ],
)
def test_accounts_are_checked(app, username, password, message):
    with pytest.raises(AccountError, match=message):
        create_user(app.extensions["inventory"], username, password)
