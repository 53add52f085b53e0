"""A request id for each request, and one JSON log line for its answer."""

from __future__ import annotations

import json
import logging
import re
import uuid

from flask import Flask, Response, g, request

logger = logging.getLogger(__name__)
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def register(app: Flask) -> None:
    """Name and log every request of `app`."""

    @app.before_request
    def name_request() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

    @app.after_request
    def log_request(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        # JSON escapes line breaks: a path cannot forge a second log line.
        logger.info(
            json.dumps(
                {
                    "request_id": g.request_id,
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "address": request.remote_addr,
                }
            )
        )
        return response
