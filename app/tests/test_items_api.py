from __future__ import annotations

import pytest
from conftest import ITEM


def test_create_read_update_delete(member):
    created = member.send("POST", "/api/items", ITEM)
    assert created.status_code == 201
    path = created.headers["Location"]
    assert path == f"/api/items/{created.json['id']}"
    assert {name: created.json[name] for name in ITEM} == ITEM
    assert created.json["low_stock"] is False
    assert created.json["created_at"].endswith("Z")

    assert member.get(path).json == created.json

    replaced = member.send("PUT", path, {**ITEM, "quantity": 3, "name": "Cable"})
    assert replaced.status_code == 200
    assert replaced.json["low_stock"] is True
    assert replaced.json["created_at"] == created.json["created_at"]
    assert member.get(path).json == replaced.json

    assert member.send("DELETE", path).status_code == 204
    assert member.get(path).status_code == 404
    assert member.send("DELETE", path).status_code == 404
    assert member.send("PUT", path, ITEM).status_code == 404


def test_optional_fields_have_defaults(member):
    response = member.send("POST", "/api/items", {"sku": "a-1", "name": " N ", "quantity": 0})
    assert response.status_code == 201
    assert response.json["sku"] == "A-1"
    assert response.json["name"] == "N"
    assert (response.json["description"], response.json["reorder_level"]) == ("", 0)


def test_listing_sorts_searches_and_pages(member):
    for number, name in enumerate(["Cherry", "apple", "100% wool", "Banana"]):
        member.send("POST", "/api/items", {"sku": f"N-{number}", "name": name, "quantity": 1})
    page = member.get("/api/items").json
    assert page["total"] == 4
    assert (page["limit"], page["offset"]) == (20, 0)

    second = member.get("/api/items?limit=3&offset=3").json
    assert second["total"] == 4
    assert len(second["items"]) == 1

    def names(text):
        found = member.get("/api/items", query_string={"q": text}).json
        assert found["total"] == len(found["items"])
        return [item["name"] for item in found["items"]]

    assert names("APPLE") == ["apple"]
    assert names("n-3") == ["Banana"]
    assert names("%") == ["100% wool"]
    assert names("_") == []
    assert names("' OR 1=1 --") == []


def test_a_write_is_seen_by_the_next_read(member, item):
    path = f"/api/items/{item['id']}"
    for quantity in (5, 6, 7):
        assert member.get(path).status_code == 200
        assert member.get("/api/items").status_code == 200
        assert member.get("/api/info").status_code == 200
        member.send("PUT", path, {**ITEM, "quantity": quantity})
        assert member.get(path).json["quantity"] == quantity
        assert member.get("/api/items").json["items"][0]["quantity"] == quantity
        assert member.get("/api/info").json["stock"]["units"] == quantity


def test_a_sku_is_unique(member, item):
    again = member.send("POST", "/api/items", {**ITEM, "sku": ITEM["sku"].lower()})
    assert again.status_code == 409
    assert again.json["fields"] == {"sku": "is taken"}
    other = member.send("POST", "/api/items", {**ITEM, "sku": "OTHER"}).json
    taken = member.send("PUT", f"/api/items/{other['id']}", ITEM)
    assert taken.status_code == 409
    assert member.get(f"/api/items/{other['id']}").json["sku"] == "OTHER"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sku", None),
        ("sku", ""),
        ("sku", "two words"),
        ("sku", "-A"),
        ("sku", "A" * 33),
        ("sku", 7),
        ("name", " "),
        ("name", "n" * 121),
        ("name", "zero \x00 byte"),
        ("name", "lone \ud800 surrogate"),
        ("name", "line\nbreak"),
        ("description", "d" * 2001),
        ("description", "bell \x07"),
        ("description", None),
        ("location", "l" * 61),
        ("location", ["A"]),
        ("quantity", None),
        ("quantity", -1),
        ("quantity", 1_000_001),
        ("quantity", 10**40),
        ("quantity", 1.5),
        ("quantity", "12"),
        ("quantity", True),
        ("reorder_level", -1),
        ("id", 99),
        ("created_at", "2020-01-01T00:00:00Z"),
    ],
)
def test_each_field_is_checked(member, field, value):
    response = member.send("POST", "/api/items", {**ITEM, field: value})
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert list(response.json["fields"]) == [field]


@pytest.mark.parametrize("body", [[], "text", 3, True])
def test_an_item_is_an_object(member, body):
    response = member.send("POST", "/api/items", body)
    assert response.status_code == 422
    assert "body" in response.json["fields"]


def test_a_body_that_is_not_json(member):
    headers = {**member.headers, "Content-Type": "application/json"}
    response = member.http.post("/api/items", data="{", headers=headers)
    assert response.status_code == 400
    response = member.http.post("/api/items", data="sku=A", headers=member.headers)
    assert response.status_code == 415
    response = member.send("POST", "/api/items", {**ITEM, "name": "n" * 70_000})
    assert response.status_code == 413
    assert response.json["status"] == 413


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "offset=-1", "offset=9999999999", "q=" + "q" * 121],
)
def test_a_wrong_query(visitor, query):
    assert visitor.get(f"/api/items?{query}").status_code == 422
    assert visitor.get(f"/items?{query}").status_code == 422


def test_a_query_with_a_zero_byte(visitor):
    assert visitor.get("/api/items?q=%00").status_code == 422


@pytest.mark.parametrize("item_id", ["0", "-1", "x", "2147483648", "9" * 40, "1/2"])
def test_an_impossible_identity_is_not_found(member, item_id):
    assert member.get(f"/api/items/{item_id}").status_code == 404
    assert member.send("PUT", f"/api/items/{item_id}", ITEM).status_code == 404
    assert member.send("DELETE", f"/api/items/{item_id}").status_code == 404


def test_reading_is_open_and_writing_is_not(visitor, item):
    path = f"/api/items/{item['id']}"
    assert visitor.get("/api/items").status_code == 200
    assert visitor.get(path).status_code == 200
    for method, target in (("POST", "/api/items"), ("PUT", path), ("DELETE", path)):
        response = visitor.send(method, target, ITEM)
        assert response.status_code == 401
        assert response.json["title"] == "Unauthorized"
    assert visitor.get(path).json == item


def test_writing_needs_the_csrf_token(member, item):
    path = f"/api/items/{item['id']}"
    for headers in ({}, {"X-CSRF-Token": "forged"}):
        member.headers = headers
        for method, target in (("POST", "/api/items"), ("PUT", path), ("DELETE", path)):
            response = member.send(method, target, ITEM)
            assert response.status_code == 400
            assert "CSRF" in response.json["detail"]
    assert member.get(path).json == item


def test_another_method_is_refused(member):
    response = member.send("PATCH", "/api/items", ITEM)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.json["status"] == 405
