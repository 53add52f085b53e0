"""The JSON API of items. Reading is open; writing needs a session and a CSRF token."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request, url_for
from werkzeug.exceptions import NotFound

from . import items
from .accounts import api_login_required
from .runtime import runtime
from .validation import parse_item, parse_query

blueprint = Blueprint("api", __name__, url_prefix="/api/items")


@blueprint.get("")
def list_items() -> Response:
    """One page of items; `q` searches name, SKU and location."""
    return jsonify(items.list_items(runtime(), parse_query(request.args)))


@blueprint.post("")
@api_login_required
def create_item() -> tuple[Response, int, dict[str, str]]:
    """Add an item."""
    item = items.create_item(runtime(), parse_item(request.get_json()))
    return jsonify(item), 201, {"Location": url_for("api.get_item", item_id=item["id"])}


@blueprint.get("/<int:item_id>")
def get_item(item_id: int) -> Response:
    """One item."""
    return jsonify(_found(items.get_item(runtime(), item_id)))


@blueprint.put("/<int:item_id>")
@api_login_required
def replace_item(item_id: int) -> Response:
    """Overwrite an item."""
    item = parse_item(request.get_json())
    return jsonify(_found(items.replace_item(runtime(), item_id, item)))


@blueprint.delete("/<int:item_id>")
@api_login_required
def delete_item(item_id: int) -> tuple[str, int]:
    """Remove an item."""
    if not items.delete_item(runtime(), item_id):
        raise NotFound("There is no such item.")
    return "", 204


def _found(item: items.Item | None) -> items.Item:
    if item is None:
        raise NotFound("There is no such item.")
    return item
