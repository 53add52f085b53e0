"""The description of the API, OpenAPI 3.1."""

from __future__ import annotations

from .items import LARGEST_IDENTITY
from .validation import LARGEST_COUNT

Json = dict[str, object]


def openapi_document(version: str) -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Inventory",
            "version": version,
            "description": "Items in stock. Reading is open; writing needs a session.",
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/health": {"get": _operation("health", "Health", {200: "Health", 503: "Health"})},
            "/api/info": {"get": _operation("info", "Version and figures", {200: "Info"})},
            "/api/metrics": {"get": _metrics()},
            "/api/session": {
                "get": _operation("showSession", "Who is logged in", {200: "Session"}),
                "post": _writing(
                    "openSession",
                    "Log in",
                    {200: "Session", **{status: "Problem" for status in (400, 401, 422, 429)}},
                    body="Credentials",
                    session=False,
                ),
                "delete": _writing(
                    "closeSession", "Log out", {204: None, 400: "Problem"}, session=False
                ),
            },
            "/api/items": {
                "get": {
                    **_operation("listItems", "List items", {200: "ItemPage", 422: "Problem"}),
                    "parameters": [
                        _query("q", {"type": "string", "maxLength": 120}),
                        _query("limit", _count(1, 100, default=20)),
                        _query("offset", _count(0, LARGEST_COUNT, default=0)),
                    ],
                },
                "post": _writing(
                    "createItem", "Add an item", {201: "Item", **WRITE_PROBLEMS}, body="ItemInput"
                ),
            },
            "/api/items/{item_id}": {
                "parameters": [
                    {
                        "name": "item_id",
                        "in": "path",
                        "required": True,
                        "schema": _count(1, LARGEST_IDENTITY),
                    }
                ],
                "get": _operation("getItem", "Read an item", {200: "Item", 404: "Problem"}),
                "put": _writing(
                    "replaceItem",
                    "Overwrite an item",
                    {200: "Item", 404: "Problem", **WRITE_PROBLEMS},
                    body="ItemInput",
                ),
                "delete": _writing(
                    "deleteItem",
                    "Remove an item",
                    {204: None, 400: "Problem", 401: "Problem", 404: "Problem"},
                ),
            },
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-session"},
                "metricsToken": {"type": "http", "scheme": "bearer"},
            },
        },
    }


WRITE_PROBLEMS = {status: "Problem" for status in (400, 401, 409, 413, 415, 422)}
DESCRIPTIONS = {200: "Done", 201: "Created", 204: "Done, nothing to say", 503: "Unavailable"}


def _operation(name: str, summary: str, answers: dict[int, str | None]) -> Json:
    responses: Json = {}
    for status, schema in sorted(answers.items()):
        response: Json = {"description": DESCRIPTIONS.get(status, "Refused")}
        if schema is not None:
            media_type = "application/problem+json" if schema == "Problem" else "application/json"
            response["content"] = {media_type: {"schema": _reference(schema)}}
        responses[str(status)] = response
    return {"operationId": name, "summary": summary, "responses": responses}


def _writing(
    name: str,
    summary: str,
    answers: dict[int, str | None],
    *,
    body: str | None = None,
    session: bool = True,
) -> Json:
    operation = _operation(name, summary, answers)
    operation["parameters"] = [
        {"name": "X-CSRF-Token", "in": "header", "required": True, "schema": {"type": "string"}}
    ]
    if body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(body)}},
        }
    if session:
        operation["security"] = [{"session": []}]
    return operation


def _metrics() -> Json:
    return {
        "operationId": "metrics",
        "summary": "Figures for Prometheus",
        "security": [{}, {"metricsToken": []}],
        "responses": {
            "200": {"description": "Done", "content": {"text/plain": {"schema": TEXT}}},
            "401": {
                "description": "Refused",
                "content": {"application/problem+json": {"schema": _reference("Problem")}},
            },
        },
    }


TEXT: Json = {"type": "string"}
MOMENT: Json = {"type": "string", "format": "date-time"}


def _schemas() -> dict[str, Json]:
    written: Json = {
        "sku": {"type": "string", "pattern": "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$", "maxLength": 32},
        "name": {"type": "string", "minLength": 1, "maxLength": 120},
        "description": {"type": "string", "maxLength": 2000, "default": ""},
        "location": {"type": "string", "maxLength": 60, "default": ""},
        "quantity": _count(0, LARGEST_COUNT),
        "reorder_level": _count(0, LARGEST_COUNT, default=0),
    }
    stored: Json = {
        "id": _count(1, LARGEST_IDENTITY),
        **written,
        "low_stock": {"type": "boolean"},
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }
    figures = {"items": _count(0), "units": _count(0), "low_stock": _count(0)}
    state = {"type": "string", "enum": ["ok", "disabled", "unavailable"]}
    return {
        "ItemInput": {
            **_object(written, ["sku", "name", "quantity"]),
            "additionalProperties": False,
        },
        "Item": _object(stored),
        "ItemPage": _object(
            {
                "items": {"type": "array", "items": _reference("Item")},
                "total": _count(0),
                "limit": _count(1, 100),
                "offset": _count(0),
            }
        ),
        "Credentials": _object(
            {
                "username": {"type": "string", "maxLength": 40},
                "password": {"type": "string", "maxLength": 256, "format": "password"},
            }
        ),
        "Session": _object({"username": {"type": ["string", "null"]}, "csrf_token": TEXT}),
        "Info": _object({"name": TEXT, "version": TEXT, "stock": _object(figures)}),
        "Health": _object(
            {
                "status": {"type": "string", "enum": ["ok", "degraded", "unavailable"]},
                "checks": _object({"database": state, "cache": state}),
            }
        ),
        "Problem": _object(
            {
                "title": TEXT,
                "status": _count(400, 599),
                "detail": TEXT,
                "fields": {"type": "object", "additionalProperties": TEXT},
                "request_id": {"type": ["string", "null"]},
            },
            ["title", "status", "detail", "request_id"],
        ),
    }


def _object(properties: Json, required: list[str] | None = None) -> Json:
    names = list(properties) if required is None else required
    return {"type": "object", "required": names, "properties": properties}


def _count(low: int, high: int | None = None, default: int | None = None) -> Json:
    schema: Json = {"type": "integer", "minimum": low}
    if high is not None:
        schema["maximum"] = high
    if default is not None:
        schema["default"] = default
    return schema


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
