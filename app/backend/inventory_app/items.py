"""Read and write items. Every write invalidates the cached reads."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from .database import items, now
from .runtime import Runtime
from .validation import ItemInput, ItemQuery

Item = dict[str, object]

# PostgreSQL answers an identity beyond its integer type with an error, not with "not found".
LARGEST_IDENTITY = 2_147_483_647


class DuplicateSku(Exception):
    """Another item has this stock-keeping unit already."""


def list_items(runtime: Runtime, query: ItemQuery) -> dict[str, object]:
    """One page of items in order of name, with the total count."""
    key = f"list:{query.limit}:{query.offset}:{query.text}"
    return runtime.cache.remember(key, lambda: _read_page(runtime, query))


def get_item(runtime: Runtime, item_id: int) -> Item | None:
    """The item, or `None`."""
    if item_id > LARGEST_IDENTITY:
        return None
    return runtime.cache.remember(f"item:{item_id}", lambda: _read_item(runtime, item_id))


def create_item(runtime: Runtime, item: ItemInput) -> Item:
    """Add an item; raises `DuplicateSku`."""
    moment = now()
    statement = insert(items).values(**asdict(item), created_at=moment, updated_at=moment)
    try:
        with runtime.engine.begin() as connection:
            identity = connection.execute(statement).inserted_primary_key[0]
            created = _select_item(connection, identity)
    except IntegrityError as error:
        raise DuplicateSku from error
    runtime.cache.invalidate()
    return created


def replace_item(runtime: Runtime, item_id: int, item: ItemInput) -> Item | None:
    """Overwrite an item; `None` when there is no such item. Raises `DuplicateSku`."""
    if item_id > LARGEST_IDENTITY:
        return None
    statement = update(items).where(items.c.id == item_id).values(**asdict(item), updated_at=now())
    try:
        with runtime.engine.begin() as connection:
            if connection.execute(statement).rowcount == 0:
                return None
            replaced = _select_item(connection, item_id)
    except IntegrityError as error:
        raise DuplicateSku from error
    runtime.cache.invalidate()
    return replaced


def delete_item(runtime: Runtime, item_id: int) -> bool:
    """Remove an item; false when there is no such item."""
    if item_id > LARGEST_IDENTITY:
        return False
    with runtime.engine.begin() as connection:
        removed = connection.execute(delete(items).where(items.c.id == item_id)).rowcount > 0
    runtime.cache.invalidate()
    return removed


def summarise(runtime: Runtime) -> dict[str, int]:
    """The figures of the overview: items, units in stock, items to reorder."""
    return runtime.cache.remember("summary", lambda: _read_summary(runtime))


def list_low_stock(runtime: Runtime, limit: int) -> list[Item]:
    """Items at or below their reorder level, the emptiest first."""
    statement = (
        select(items)
        .where(items.c.quantity <= items.c.reorder_level)
        .order_by(items.c.quantity, items.c.name)
        .limit(limit)
    )
    with runtime.engine.connect() as connection:
        return [_as_item(row) for row in connection.execute(statement).mappings()]


def _read_page(runtime: Runtime, query: ItemQuery) -> dict[str, object]:
    matching = or_(
        items.c.name.icontains(query.text, autoescape=True),
        items.c.sku.icontains(query.text, autoescape=True),
        items.c.location.icontains(query.text, autoescape=True),
    )
    page = select(items).order_by(items.c.name, items.c.id).limit(query.limit).offset(query.offset)
    count = select(func.count()).select_from(items)
    if query.text:
        page, count = page.where(matching), count.where(matching)
    with runtime.engine.connect() as connection:
        found = [_as_item(row) for row in connection.execute(page).mappings()]
        total = connection.execute(count).scalar_one()
    return {"items": found, "total": total, "limit": query.limit, "offset": query.offset}


def _read_item(runtime: Runtime, item_id: int) -> Item | None:
    with runtime.engine.connect() as connection:
        return _select_item(connection, item_id)


def _read_summary(runtime: Runtime) -> dict[str, int]:
    low = items.c.quantity <= items.c.reorder_level
    statement = select(
        func.count(),
        func.coalesce(func.sum(items.c.quantity), 0),
        func.count().filter(low),
    ).select_from(items)
    with runtime.engine.connect() as connection:
        count, units, low_stock = connection.execute(statement).one()
    return {"items": count, "units": int(units), "low_stock": low_stock}


def _select_item(connection: Connection, item_id: int) -> Item | None:
    row = connection.execute(select(items).where(items.c.id == item_id)).mappings().one_or_none()
    return None if row is None else _as_item(row)


def _as_item(row: RowMapping) -> Item:
    item = dict(row)
    for field in ("created_at", "updated_at"):
        item[field] = item[field].isoformat(timespec="seconds").replace("+00:00", "Z")
    item["low_stock"] = item["quantity"] <= item["reorder_level"]
    return item
