"""Validates SBOMs with the libraries of the specifications' makers; `check` writes the files."""

import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from cyclonedx.validation.xml import XmlValidator
from spdx_python_model import v3_0_1
from spdx_tools.spdx.parser.json import json_parser
from spdx_tools.spdx.parser.tagvalue import tagvalue_parser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def faults(folder: pathlib.Path):
    for version in ("1.4", "1.5", "1.6", "1.7"):
        schema = SchemaVersion.from_version(version)
        for name, validator in (("json", JsonStrictValidator), ("xml", XmlValidator)):
            text = (folder / f"cyclonedx-{name}@{version}").read_text("utf-8")
            for fault in validator(schema).validate_str(text, all_errors=True) or ():
                yield f"cyclonedx-{name}@{version}: {fault}"
    for name, parser in (("spdx-json", json_parser), ("spdx-tag-value", tagvalue_parser)):
        document = parser.parse_from_file(str(folder / name))
        for fault in validate_full_spdx_document(document):
            yield f"{name}: {fault.validation_message}"
    objects = v3_0_1.SHACLObjectSet()
    with open(folder / "spdx-3-json", encoding="utf-8") as file:
        v3_0_1.JSONLDDeserializer().read(file, objects)
    # Writing checks what must be there.
    with open(folder / "again", "wb") as file:
        v3_0_1.JSONLDSerializer().write(objects, file)
    for name in objects.missing_ids:
        yield f"spdx-3-json: nothing is called {name}"


found = list(faults(pathlib.Path(sys.argv[1])))
print("\n".join(found) or "ok: all valid")
sys.exit(1 if found else 0)
