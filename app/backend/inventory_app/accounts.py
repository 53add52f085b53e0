"""Accounts, sessions, and the limit on login attempts."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime

from flask import Flask, g, redirect, request, session, url_for
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Unauthorized
from werkzeug.security import check_password_hash, generate_password_hash

from .database import login_attempts, now, sessions, users
from .runtime import Runtime, runtime
from .validation import USERNAME

MINIMUM_PASSWORD_LENGTH = 12
# One address may try several accounts, but not a whole dictionary of them.
ATTEMPTS_PER_ADDRESS_FACTOR = 4


class AccountError(ValueError):
    """An account cannot be created; the message says why."""


class TooManyAttempts(Exception):
    """The login limit is reached; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many login attempts")
        self.retry_after = retry_after


def register(app: Flask) -> None:
    """Find out who is asking before each request that may need to know."""

    @app.before_request
    def load_user() -> None:
        g.username = None if request.endpoint in ("static", "status.health") else _session_user()

    @app.context_processor
    def provide_user() -> dict[str, object]:
        return {"username": g.get("username")}


def create_user(runtime: Runtime, username: str, password: str) -> None:
    """Add an account; raises `AccountError`."""
    if not USERNAME.fullmatch(username):
        raise AccountError("a username is 1 to 40 lower-case letters, digits, dots or hyphens")
    if not MINIMUM_PASSWORD_LENGTH <= len(password) <= 256:
        raise AccountError(f"a password has {MINIMUM_PASSWORD_LENGTH} to 256 characters")
    row = {
        "username": username,
        "password_hash": generate_password_hash(password),
        "created_at": now(),
    }
    try:
        with runtime.engine.begin() as connection:
            connection.execute(insert(users).values(row))
    except IntegrityError as error:
        raise AccountError(f"the account {username} exists already") from error


def log_in(username: str, password: str) -> bool:
    """Open a session when the password is right. Raises `TooManyAttempts`."""
    here = runtime()
    account_bucket = _digest(f"account {request.remote_addr} {username}")
    _count_attempt(here, account_bucket)
    with here.engine.connect() as connection:
        row = connection.execute(
            select(users.c.id, users.c.password_hash).where(users.c.username == username)
        ).one_or_none()
    # An unknown account costs the same time, so that it cannot be told from a known one.
    right = check_password_hash(row.password_hash if row else _unknown_hash(), password)
    if row is None or not right:
        here.metrics.logins.labels("refused").inc()
        return False
    token = secrets.token_urlsafe(32)
    moment = now()
    with here.engine.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.expires_at < moment))
        connection.execute(delete(login_attempts).where(login_attempts.c.bucket == account_bucket))
        connection.execute(
            insert(sessions).values(
                token_digest=_digest(token),
                user_id=row.id,
                expires_at=moment + here.settings.session_lifetime,
            )
        )
    # A fresh session on every login: nothing set before it survives.
    session.clear()
    session.permanent = True
    session["token"] = token
    g.username = username
    here.metrics.logins.labels("accepted").inc()
    return True


def log_out() -> None:
    """Close the session on both sides."""
    token = session.get("token")
    if token:
        with runtime().engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.token_digest == _digest(token)))
    session.clear()
    g.username = None


def api_login_required(view: Callable) -> Callable:
    """Answer 401 when nobody is logged in."""

    @functools.wraps(view)
    def guarded(*args: object, **kwargs: object) -> object:
        if g.username is None:
            raise Unauthorized("Log in first.")
        return view(*args, **kwargs)

    return guarded


def page_login_required(view: Callable) -> Callable:
    """Send a visitor who is not logged in to the login page."""

    @functools.wraps(view)
    def guarded(*args: object, **kwargs: object) -> object:
        if g.username is None:
            return redirect(url_for("pages.login", next=request.path))
        return view(*args, **kwargs)

    return guarded


def _session_user() -> str | None:
    token = session.get("token")
    if not token:
        return None
    statement = (
        select(users.c.username)
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(sessions.c.token_digest == _digest(token), sessions.c.expires_at > now())
    )
    with runtime().engine.connect() as connection:
        return connection.execute(statement).scalar_one_or_none()


def _count_attempt(here: Runtime, account_bucket: str) -> None:
    """Note the attempt, then judge it: attempts at the same moment cannot slip past."""
    limits = {
        account_bucket: here.settings.login_limit,
        _digest(f"address {request.remote_addr}"): (
            here.settings.login_limit * ATTEMPTS_PER_ADDRESS_FACTOR
        ),
    }
    moment = now()
    since = moment - here.settings.login_window
    with here.engine.begin() as connection:
        connection.execute(delete(login_attempts).where(login_attempts.c.attempted_at < since))
        connection.execute(
            insert(login_attempts),
            [{"bucket": bucket, "attempted_at": moment} for bucket in limits],
        )
    with here.engine.connect() as connection:
        exceeded = any(
            _attempts(connection, bucket, since) > limit for bucket, limit in limits.items()
        )
    if exceeded:
        here.metrics.logins.labels("limited").inc()
        raise TooManyAttempts(int(here.settings.login_window.total_seconds()))


def _attempts(connection: Connection, bucket: str, since: datetime) -> int:
    return connection.execute(
        select(func.count())
        .select_from(login_attempts)
        .where(login_attempts.c.bucket == bucket, login_attempts.c.attempted_at >= since)
    ).scalar_one()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _unknown_hash() -> str:
    return generate_password_hash(secrets.token_hex(16))
