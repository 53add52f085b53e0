"""Settings, read once from environment variables and checked before anything starts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

ENVIRONMENTS = ("production", "development", "test")
MINIMUM_KEY_LENGTH = 32


class ConfigurationError(ValueError):
    """A setting is missing or unusable; the message names the variable."""


@dataclass(frozen=True)
class Settings:
    """Everything the application can be told from outside."""

    environment: str
    secret_key: str
    database_url: str
    redis_url: str | None
    cookie_secure: bool
    session_lifetime: timedelta
    trusted_proxies: int
    login_limit: int
    login_window: timedelta
    metrics_token: str | None

    @property
    def session_cookie_name(self) -> str:
        """Browsers tie a `__Host-` cookie to one host, but only accept it over HTTPS."""
        return "__Host-session" if self.cookie_secure else "session"


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings, or raise `ConfigurationError` for the first one that is wrong."""
    name = environment.get("APP_ENV", "production")
    if name not in ENVIRONMENTS:
        raise ConfigurationError(f"APP_ENV must be one of {', '.join(ENVIRONMENTS)}, not {name!r}")
    production = name == "production"
    return Settings(
        environment=name,
        secret_key=_secret_key(environment, production),
        database_url=_database_url(environment.get("DATABASE_URL", "sqlite:///inventory.db")),
        redis_url=_redis_url(environment.get("REDIS_URL")),
        cookie_secure=_boolean(environment, "COOKIE_SECURE", production),
        session_lifetime=timedelta(minutes=_integer(environment, "SESSION_MINUTES", 480, 5, 10080)),
        trusted_proxies=_integer(environment, "TRUSTED_PROXIES", 0, 0, 5),
        login_limit=_integer(environment, "LOGIN_LIMIT", 5, 1, 1000),
        login_window=timedelta(
            seconds=_integer(environment, "LOGIN_WINDOW_SECONDS", 300, 1, 86400)
        ),
        metrics_token=environment.get("METRICS_TOKEN") or None,
    )


def _secret_key(environment: Mapping[str, str], production: bool) -> str:
    key = environment.get("SECRET_KEY", "")
    if not key and not production:
        return secrets.token_hex(32)
    if not key:
        raise ConfigurationError("SECRET_KEY is required when APP_ENV is production")
    if len(key) < MINIMUM_KEY_LENGTH:
        raise ConfigurationError(f"SECRET_KEY needs at least {MINIMUM_KEY_LENGTH} characters")
    return key


def _database_url(url: str) -> str:
    # Platforms hand out the driverless form; SQLAlchemy would look for another driver.
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            url = "postgresql+psycopg://" + url.removeprefix(prefix)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ConfigurationError("DATABASE_URL must begin with sqlite:/// or postgresql://")
    return url


def _redis_url(url: str | None) -> str | None:
    if not url:
        return None
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise ConfigurationError("REDIS_URL must begin with redis://, rediss:// or unix://")
    return url


def _boolean(environment: Mapping[str, str], name: str, default: bool) -> bool:
    value = environment.get(name, "").lower()
    if not value:
        return default
    if value not in ("true", "false"):
        raise ConfigurationError(f"{name} must be true or false")
    return value == "true"


def _integer(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not low <= int(text) <= high:
        raise ConfigurationError(f"{name} must be a whole number from {low} to {high}")
    return int(text)
