"""A small stock inventory: a JSON API, HTML pages and a Prometheus endpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping

from flask import Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from . import access_log, accounts, api, errors, headers, pages, session_api, status
from .cache import open_cache
from .commands import register_commands
from .config import Settings, load_settings
from .database import open_engine
from .metrics import Metrics
from .runtime import Runtime

__version__ = "1.0.0"

__all__ = ["Settings", "__version__", "create_app", "load_settings"]


def create_app(environment: Mapping[str, str] | None = None) -> Flask:
    """Build the application from environment variables (`os.environ` by default)."""
    settings = load_settings(os.environ if environment is None else environment)
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=64 * 1024,
        SESSION_COOKIE_NAME=settings.session_cookie_name,
        SESSION_COOKIE_SECURE=settings.cookie_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=settings.session_lifetime,
        WTF_CSRF_HEADERS=["X-CSRF-Token"],
    )
    metrics = Metrics()
    app.extensions["inventory"] = Runtime(
        settings=settings,
        engine=open_engine(settings.database_url),
        cache=open_cache(settings.redis_url, metrics),
        metrics=metrics,
        version=__version__,
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)

    access_log.register(app)
    metrics.register(app)
    CSRFProtect(app)
    accounts.register(app)
    headers.register(app)
    errors.register(app)
    for blueprint in (status.blueprint, api.blueprint, session_api.blueprint, pages.blueprint):
        app.register_blueprint(blueprint)
    register_commands(app)
    return app
