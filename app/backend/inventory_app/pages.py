"""The HTML pages."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound

from . import items
from .accounts import TooManyAttempts, log_in, log_out, page_login_required
from .runtime import runtime
from .validation import InvalidInput, parse_credentials, parse_item, parse_query

blueprint = Blueprint("pages", __name__)

Page = str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]


@blueprint.get("/")
def overview() -> Page:
    """Figures, and what has to be reordered."""
    here = runtime()
    low = items.list_low_stock(here, limit=8)
    return render_template("overview.html", summary=items.summarise(here), low=low)


@blueprint.get("/items")
def list_items() -> Page:
    """A page of items, with a search field."""
    query = parse_query(request.args)
    return render_template("items.html", page=items.list_items(runtime(), query), query=query)


@blueprint.route("/items/new", methods=["GET", "POST"])
@page_login_required
def new_item() -> Page:
    """The form for a new item."""
    if request.method != "POST":
        return render_template("item_form.html", item={}, problems={})
    try:
        item = items.create_item(runtime(), parse_item(_form(), from_form=True))
    except (InvalidInput, items.DuplicateSku) as error:
        return _refused_form(error)
    flash(f"{item['name']} was added.")
    return redirect(url_for("pages.show_item", item_id=item["id"]))


@blueprint.get("/items/<int:item_id>")
def show_item(item_id: int) -> Page:
    """One item."""
    return render_template("item.html", item=_existing(item_id))


@blueprint.route("/items/<int:item_id>/edit", methods=["GET", "POST"])
@page_login_required
def edit_item(item_id: int) -> Page:
    """The form for an existing item."""
    item = _existing(item_id)
    if request.method != "POST":
        return render_template("item_form.html", item=item, item_id=item_id, problems={})
    try:
        replaced = items.replace_item(runtime(), item_id, parse_item(_form(), from_form=True))
    except (InvalidInput, items.DuplicateSku) as error:
        return _refused_form(error, item_id)
    if replaced is None:
        raise NotFound("There is no such item.")
    flash(f"{replaced['name']} was saved.")
    return redirect(url_for("pages.show_item", item_id=item_id))


@blueprint.post("/items/<int:item_id>/delete")
@page_login_required
def delete_item(item_id: int) -> Page:
    """Remove an item."""
    if not items.delete_item(runtime(), item_id):
        raise NotFound("There is no such item.")
    flash("The item was removed.")
    return redirect(url_for("pages.list_items"))


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> Page:
    """The login form."""
    if request.method != "POST":
        return render_template("login.html", problem=None)
    try:
        accepted = log_in(*parse_credentials(request.form))
    except InvalidInput:
        accepted = False
    except TooManyAttempts as error:
        problem = "Too many attempts. Wait a while and try again."
        headers = {"Retry-After": str(error.retry_after)}
        return render_template("login.html", problem=problem), 429, headers
    if not accepted:
        problem = "The username or the password is wrong."
        return render_template("login.html", problem=problem), 401
    return redirect(local_path(request.args.get("next", "")) or url_for("pages.overview"))


@blueprint.post("/logout")
def logout() -> Page:
    """Close the session."""
    log_out()
    return redirect(url_for("pages.overview"))


def local_path(target: str) -> str | None:
    """`target` when it is a path on this site. Browsers read `//` and `/\\` as another host."""
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else None


def _existing(item_id: int) -> items.Item:
    item = items.get_item(runtime(), item_id)
    if item is None:
        raise NotFound("There is no such item.")
    return item


def _form() -> dict[str, str]:
    return {name: value for name, value in request.form.items() if name != "csrf_token"}


def _refused_form(error: InvalidInput | items.DuplicateSku, item_id: int | None = None) -> Page:
    duplicate = isinstance(error, items.DuplicateSku)
    problems = {"sku": "is taken by another item"} if duplicate else error.fields
    page = render_template("item_form.html", item=_form(), item_id=item_id, problems=problems)
    return page, 409 if duplicate else 422
