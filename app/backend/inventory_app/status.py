"""Routes about the application itself."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import Unauthorized

from .items import summarise
from .openapi import openapi_document
from .runtime import runtime

blueprint = Blueprint("status", __name__)


@blueprint.get("/health")
def health() -> tuple[Response, int]:
    """503 when the database is away. A missing cache only slows the application down."""
    here = runtime()
    database = "ok"
    try:
        with here.engine.connect() as connection:
            connection.execute(select(1))
    except SQLAlchemyError:
        database = "unavailable"
    cache = here.cache.state()
    if database != "ok":
        status, code = "unavailable", 503
    else:
        status, code = ("degraded" if cache == "unavailable" else "ok"), 200
    return jsonify(status=status, checks={"database": database, "cache": cache}), code


@blueprint.get("/api/info")
def info() -> Response:
    """What runs here, and the figures of the overview."""
    here = runtime()
    return jsonify(name="inventory", version=here.version, stock=summarise(here))


@blueprint.get("/api/metrics")
def metrics() -> Response:
    """Figures for Prometheus, behind a bearer token when one is configured."""
    here = runtime()
    token = here.settings.metrics_token
    if token is not None:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Unauthorized("A bearer token is required.")
    return Response(here.metrics.render(), content_type=CONTENT_TYPE_LATEST)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description of the API."""
    return jsonify(openapi_document(runtime().version))
