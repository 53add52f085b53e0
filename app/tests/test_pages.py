from __future__ import annotations

import pytest
from conftest import ITEM

HOSTILE = "<script>alert(1)</script>"


def test_overview(member, item):
    page = member.get("/")
    assert page.status_code == 200
    assert "Nothing has to be reordered." in page.text
    member.send("PUT", f"/api/items/{item['id']}", {**ITEM, "quantity": 0})
    assert f'<a href="/items/{item["id"]}">USB-C cable</a>' in member.get("/").text


def test_list_and_search(member, item):
    assert "USB-C cable" in member.get("/items").text
    assert "USB-C cable" in member.get("/items?q=usb").text
    assert "No item matches." in member.get("/items?q=nothing").text


def test_list_has_pages(member):
    for number in range(3):
        item = {"sku": f"N-{number}", "name": f"Thing {number}", "quantity": 1}
        assert member.send("POST", "/api/items", item).status_code == 201
    first = member.get("/items?limit=2").text
    assert "1–2 of 3" in first
    assert 'rel="next"' in first
    assert 'rel="prev"' not in first
    second = member.get("/items?limit=2&offset=2").text
    assert "3–3 of 3" in second
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second


def test_forms_create_edit_and_remove(member):
    assert 'name="csrf_token"' in member.get("/items/new").text
    created = member.submit("/items/new", ITEM)
    assert created.status_code == 302
    path = created.headers["Location"]
    page = member.get(path).text
    assert "USB-C cable was added." in page
    assert "One metre." in page

    assert 'value="USB-C cable"' in member.get(f"{path}/edit").text
    edited = member.submit(f"{path}/edit", {**ITEM, "quantity": "7"})
    assert edited.headers["Location"] == path
    assert '<span class="stock low">7</span>' in member.get(path).text

    assert member.submit(f"{path}/delete", {}).headers["Location"] == "/items"
    assert member.get(path).status_code == 404
    assert member.get(f"{path}/edit").status_code == 404
    assert member.submit(f"{path}/edit", ITEM).status_code == 404
    assert member.submit(f"{path}/delete", {}).status_code == 404


def test_forms_say_what_is_wrong(member, item):
    wrong = member.submit("/items/new", {**ITEM, "sku": "two words", "quantity": "-1"})
    assert wrong.status_code == 422
    assert "SKU must be letters and digits" in wrong.text
    assert "In stock must be a whole number" in wrong.text
    assert 'value="two words"' in wrong.text
    empty = member.submit("/items/new", {})
    assert empty.status_code == 422
    assert "Name is required." in empty.text
    taken = member.submit("/items/new", ITEM)
    assert taken.status_code == 409
    assert "SKU is taken by another item." in taken.text
    edited = member.submit(f"/items/{item['id']}/edit", {**ITEM, "name": ""})
    assert edited.status_code == 422
    assert "Edit item" in edited.text


def test_markup_is_shown_as_text(member):
    hostile = {**ITEM, "name": HOSTILE, "description": HOSTILE, "location": HOSTILE, "quantity": 0}
    path = member.submit("/items/new", hostile).headers["Location"]
    for target in ("/", "/items", path, f"{path}/edit", f"/items?q={HOSTILE}"):
        page = member.get(target)
        assert page.status_code == 200
        assert HOSTILE not in page.text
        assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("page", ["/items/new", "/items/1/edit", "/items/1/delete"])
def test_writing_pages_need_a_session(visitor, item, page):
    response = visitor.submit(page, ITEM)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login?next=/items/")
    assert visitor.get("/api/items").json["total"] == 1


def test_writing_pages_need_the_csrf_token(member, item):
    member.headers = {}
    path = f"/items/{item['id']}"
    for page in ("/items/new", f"{path}/edit", f"{path}/delete", "/logout"):
        response = member.submit(page, {})
        assert response.status_code == 400
        assert "CSRF" in response.text
    assert member.get(path).status_code == 200


def test_head_never_writes(member, item):
    # HEAD needs no CSRF token, so it must do no more than GET.
    path = f"/items/{item['id']}"
    for page in ("/login", "/items/new", f"{path}/edit"):
        assert member.http.head(page, data={**ITEM, "sku": "OTHER"}).status_code == 200
    assert member.get("/api/items").json["items"] == [item]
