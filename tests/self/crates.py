"""Writes the crates that secgate is built of as CycloneDX, with their licences, which a lockfile does not tell.

usage: cargo metadata --format-version 1 ... | crates.py > crates.cdx.json
"""

import json
import sys

metadata = json.load(sys.stdin)
members = set(metadata["workspace_members"])
components = [
    {
        "type": "library",
        "name": package["name"],
        "version": package["version"],
        "purl": f"pkg:cargo/{package['name']}@{package['version']}",
        # `MIT/Apache-2.0` is how manifests wrote a choice before SPDX expressions.
        "licenses": [{"expression": package["license"].replace("/", " OR ")}]
        if package["license"]
        else [],
    }
    for package in metadata["packages"]
    if package["id"] not in members
]
if not components:
    sys.exit("cargo metadata names no crate")
json.dump(
    {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "secgate"}},
        "components": components,
    },
    sys.stdout,
)
