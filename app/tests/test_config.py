from __future__ import annotations

import pytest
from inventory_app import create_app, load_settings
from inventory_app.config import ConfigurationError

KEY = "k" * 32


def test_production_is_the_default_and_needs_a_key():
    with pytest.raises(ConfigurationError, match="SECRET_KEY is required"):
        load_settings({})
    with pytest.raises(ConfigurationError, match="at least 32"):
        load_settings({"SECRET_KEY": "short"})
    settings = load_settings({"SECRET_KEY": KEY})
    assert settings.environment == "production"
    assert settings.cookie_secure
    assert settings.session_cookie_name == "__Host-session"


def test_development_makes_its_own_key():
    first = load_settings({"APP_ENV": "development"})
    second = load_settings({"APP_ENV": "development"})
    assert first.secret_key != second.secret_key
    assert not first.cookie_secure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "staging"),
        ("DATABASE_URL", "mysql://db/inventory"),
        ("REDIS_URL", "http://cache"),
        ("COOKIE_SECURE", "yes"),
        ("LOGIN_LIMIT", "0"),
        ("LOGIN_LIMIT", "-1"),
        ("LOGIN_LIMIT", "many"),
        ("LOGIN_WINDOW_SECONDS", "99999999999999999999"),
        ("TRUSTED_PROXIES", "6"),
        ("SESSION_MINUTES", "1.5"),
    ],
)
def test_a_wrong_setting_is_named(name, value):
    with pytest.raises(ConfigurationError, match=name):
        load_settings({"SECRET_KEY": KEY, name: value})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_form_of_a_postgresql_url_uses_psycopg(scheme):
    settings = load_settings({"SECRET_KEY": KEY, "DATABASE_URL": f"{scheme}://db/stock"})
    assert settings.database_url == "postgresql+psycopg://db/stock"


def test_cookies_are_secure_in_production():
    app = create_app({"SECRET_KEY": KEY})
    response = app.test_client().get("/api/session", base_url="https://stock.test")
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie
    assert response.headers["Strict-Transport-Security"].startswith("max-age=31536000")
