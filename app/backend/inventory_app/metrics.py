"""Figures for Prometheus."""

from __future__ import annotations

import os
from time import perf_counter

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "inventory_http_requests",
            "Requests answered, by method, route template and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.duration = Histogram(
            "inventory_http_request_duration_seconds",
            "Time to answer a request, by method and route template.",
            ["method", "route"],
            registry=self._registry,
        )
        self.cache_reads = Counter(
            "inventory_cache_reads",
            "Cache look-ups, by result.",
            ["result"],
            registry=self._registry,
        )
        self.logins = Counter(
            "inventory_logins",
            "Login attempts, by result.",
            ["result"],
            registry=self._registry,
        )

    def register(self, app: Flask) -> None:
        """Time and count every request."""

        @app.before_request
        def start_timer() -> None:
            g.started = perf_counter()

        @app.after_request
        def count_request(response: Response) -> Response:
            # The template, never the path: a client must not be able to create series.
            route = request.url_rule.rule if request.url_rule else "unmatched"
            method = request.method if request.method in KNOWN_METHODS else "other"
            self.requests.labels(method, route, str(response.status_code)).inc()
            self.duration.labels(method, route).observe(perf_counter() - g.started)
            return response

    def render(self) -> bytes:
        """The Prometheus text form, of all worker processes when they share a folder."""
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            shared = CollectorRegistry()
            MultiProcessCollector(shared)
            return generate_latest(shared)
        return generate_latest(self._registry)


KNOWN_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
