"""What one application instance holds open, reachable from any request."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import Engine

from .cache import Cache
from .config import Settings
from .metrics import Metrics


@dataclass(frozen=True)
class Runtime:
    """The settings and connections of one application."""

    settings: Settings
    engine: Engine
    cache: Cache
    metrics: Metrics
    version: str


def runtime() -> Runtime:
    """The runtime of the application that handles this request."""
    return current_app.extensions["inventory"]
