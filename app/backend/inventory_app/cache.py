"""A read cache in Redis. The application works the same, only slower, without it.

Keys carry a generation number that every write raises. A reader takes the number before it
reads the database, so a value from before a write can never be found after it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

import redis

from .metrics import Metrics

LIFETIME_SECONDS = 60
GENERATION_KEY = "inventory:generation"

logger = logging.getLogger(__name__)
Value = TypeVar("Value")


class Cache(Protocol):
    """What the rest of the application sees of a cache."""

    def remember(self, key: str, read: Callable[[], Value]) -> Value:
        """The cached value of `key`, or what `read` returns."""

    def invalidate(self) -> None:
        """Forget every value."""

    def state(self) -> str:
        """`ok`, `disabled` or `unavailable`."""


class NoCache:
    """Used when no Redis is configured."""

    def remember(self, key: str, read: Callable[[], Value]) -> Value:
        return read()

    def invalidate(self) -> None:
        return None

    def state(self) -> str:
        return "disabled"


class RedisCache:
    """Values as JSON. A Redis that fails costs time, never a request."""

    def __init__(self, client: redis.Redis, metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics

    def remember(self, key: str, read: Callable[[], Value]) -> Value:
        try:
            name = self._name(key)
            stored = self._client.get(name)
            if stored is not None:
                value = json.loads(stored)
                self._metrics.cache_reads.labels("hit").inc()
                return value
        except (redis.RedisError, ValueError) as error:
            self._report("read", error)
            return read()
        self._metrics.cache_reads.labels("miss").inc()
        value = read()
        try:
            self._client.set(name, json.dumps(value), ex=LIFETIME_SECONDS)
        except redis.RedisError as error:
            self._report("write", error)
        return value

    def invalidate(self) -> None:
        try:
            self._client.incr(GENERATION_KEY)
        except redis.RedisError as error:
            self._report("invalidate", error)

    def state(self) -> str:
        try:
            self._client.ping()
        except redis.RedisError:
            return "unavailable"
        return "ok"

    def _name(self, key: str) -> str:
        generation = int(self._client.get(GENERATION_KEY) or 0)
        digest = hashlib.sha256(key.encode()).hexdigest()
        return f"inventory:{generation}:{digest}"

    def _report(self, action: str, error: Exception) -> None:
        self._metrics.cache_reads.labels("error").inc()
        logger.warning("cache %s failed: %s", action, type(error).__name__)


def open_cache(url: str | None, metrics: Metrics) -> Cache:
    """A Redis cache for `url`, or none. Nothing is connected yet."""
    if url is None:
        return NoCache()
    client = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
    return RedisCache(client, metrics)
