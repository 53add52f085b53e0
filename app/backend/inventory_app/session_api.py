"""The session as a resource, for clients that do not use the HTML forms."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, request
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import Unauthorized

from .accounts import log_in, log_out
from .validation import parse_credentials

blueprint = Blueprint("session_api", __name__, url_prefix="/api/session")


@blueprint.get("")
def show_session() -> Response:
    """Who is logged in, and the token that every writing request has to send."""
    return _session()


@blueprint.post("")
def open_session() -> Response:
    """Log in."""
    username, password = parse_credentials(request.get_json())
    if not log_in(username, password):
        raise Unauthorized("The username or the password is wrong.")
    return _session()


@blueprint.delete("")
def close_session() -> tuple[str, int]:
    """Log out."""
    log_out()
    return "", 204


def _session() -> Response:
    return jsonify(username=g.username, csrf_token=generate_csrf())
