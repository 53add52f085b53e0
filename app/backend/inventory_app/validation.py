"""Turn what a client sent into values that the tables accept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

SKU = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]+)*")
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
LARGEST_COUNT = 1_000_000
CREDENTIAL_RULE = "must be text of 1 to 256 characters"
FIELDS = ("sku", "name", "description", "location", "quantity", "reorder_level")


class InvalidInput(ValueError):
    """The input breaks a rule; `fields` says which field and why."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("some fields are not valid")
        self.fields = dict(fields)


@dataclass(frozen=True)
class ItemInput:
    """The part of an item that a client decides."""

    sku: str
    name: str
    description: str
    location: str
    quantity: int
    reorder_level: int


@dataclass(frozen=True)
class ItemQuery:
    """Which items to list."""

    text: str
    limit: int
    offset: int


def parse_item(values: object, *, from_form: bool = False) -> ItemInput:
    """Check an item from JSON or from a form; unknown fields are refused.

    A form carries numbers as text; in JSON that is a mistake.
    """
    if not isinstance(values, Mapping):
        raise InvalidInput({"body": "must be an object"})
    problems = {
        str(field)[:40]: "is not a field of an item" for field in values if field not in FIELDS
    }
    item = ItemInput(
        sku=_text(values, "sku", 32, problems, required=True).upper(),
        name=_text(values, "name", 120, problems, required=True),
        description=_text(values, "description", 2000, problems, lines=True),
        location=_text(values, "location", 60, problems),
        quantity=_count(values, "quantity", problems, from_text=from_form),
        reorder_level=_count(values, "reorder_level", problems, default=0, from_text=from_form),
    )
    if "sku" not in problems and not SKU.fullmatch(item.sku):
        problems["sku"] = "must be letters and digits, in groups joined by hyphens"
    if problems:
        raise InvalidInput(problems)
    return item


def parse_query(values: Mapping[str, str]) -> ItemQuery:
    """Check the query string of a listing."""
    problems: dict[str, str] = {}
    query = ItemQuery(
        text=_text(values, "q", 120, problems),
        limit=_count(values, "limit", problems, default=20, low=1, high=100, from_text=True),
        offset=_count(values, "offset", problems, default=0, from_text=True),
    )
    if problems:
        raise InvalidInput(problems)
    return query


def parse_credentials(values: object) -> tuple[str, str]:
    """A username and a password of sane shape; it does not say whether they are right."""
    if not isinstance(values, Mapping):
        raise InvalidInput({"body": "must be an object"})
    problems: dict[str, str] = {}
    username = _text(values, "username", 40, problems, required=True).lower()
    password = values.get("password")
    if not isinstance(password, str) or not 1 <= len(password) <= 256 or not _storable(password):
        problems["password"] = CREDENTIAL_RULE
    if problems:
        raise InvalidInput(problems)
    return username, password


def _text(
    values: Mapping[str, object],
    field: str,
    longest: int,
    problems: dict[str, str],
    *,
    required: bool = False,
    lines: bool = False,
) -> str:
    value = values.get(field, "")
    if not isinstance(value, str):
        problems[field] = "must be text"
        return ""
    value = value.replace("\r\n", "\n").strip()
    if required and not value:
        problems[field] = "is required"
    elif len(value) > longest:
        problems[field] = f"must have at most {longest} characters"
    elif not _storable(value.replace("\n", "") if lines else value):
        problems[field] = "must not contain control characters"
    return value


def _storable(text: str) -> bool:
    # PostgreSQL refuses NUL, and a lone surrogate has no UTF-8 form.
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in text)


def _count(
    values: Mapping[str, object],
    field: str,
    problems: dict[str, str],
    *,
    default: int | None = None,
    low: int = 0,
    high: int = LARGEST_COUNT,
    from_text: bool = False,
) -> int:
    value = values.get(field, default)
    if from_text and isinstance(value, str):
        value = value.strip()
        if not value:
            value = default
        elif value.isascii() and value.isdigit() and len(value) <= 9:
            value = int(value)
    if value is None:
        problems[field] = "is required"
    elif not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        problems[field] = f"must be a whole number from {low} to {high}"
    else:
        return value
    return 0
