"""One shape for every error: a problem document (RFC 9457) for the API, a page for browsers."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from .accounts import TooManyAttempts
from .items import DuplicateSku
from .validation import InvalidInput

logger = logging.getLogger(__name__)


def problem(
    status: int, title: str, detail: str, fields: Mapping[str, str] | None = None
) -> Response:
    """The answer that tells the client what went wrong, in the form it understands."""
    if wants_json():
        body: dict[str, object] = {"title": title, "status": status, "detail": detail}
        if fields:
            body["fields"] = dict(fields)
        body["request_id"] = g.get("request_id")
        response = jsonify(body)
        response.content_type = "application/problem+json"
    else:
        response = make_response(
            render_template("error.html", status=status, title=title, detail=detail)
        )
    response.status_code = status
    return response


def wants_json() -> bool:
    """Whether this request belongs to the API."""
    return request.path.startswith("/api/") or request.path in ("/health", "/openapi.json")


def register(app: Flask) -> None:
    """Handle every error of `app` here."""

    @app.errorhandler(HTTPException)
    def handle_http(error: HTTPException) -> Response:
        response = problem(error.code or 500, error.name, error.description or error.name)
        # Keep what the error says in headers, such as the methods that 405 allows.
        for name, value in error.get_headers():
            if name != "Content-Type":
                response.headers[name] = value
        return response

    @app.errorhandler(InvalidInput)
    def handle_invalid(error: InvalidInput) -> Response:
        return problem(422, "Invalid input", "Some fields are not valid.", error.fields)

    @app.errorhandler(DuplicateSku)
    def handle_duplicate(_error: DuplicateSku) -> Response:
        detail = "Another item has this SKU already."
        return problem(409, "Conflict", detail, {"sku": "is taken"})

    @app.errorhandler(TooManyAttempts)
    def handle_limit(error: TooManyAttempts) -> Response:
        detail = "Too many login attempts. Wait a while and try again."
        response = problem(429, "Too many requests", detail)
        response.headers["Retry-After"] = str(error.retry_after)
        return response

    @app.errorhandler(OperationalError)
    def handle_database(error: OperationalError) -> Response:
        logger.error("database unavailable: %s", type(error.orig).__name__)
        g.username = None
        return handle_http(ServiceUnavailable("The database cannot be reached."))

    @app.errorhandler(Exception)
    def handle_fault(error: Exception) -> Response:
        logger.exception("unhandled error: %s", type(error).__name__)
        return handle_http(InternalServerError())
