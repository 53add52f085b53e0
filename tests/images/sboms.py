"""scan(image) = scan(sbom(image)), in every format; the same bytes each time; difference and merge."""
import json

import layout
from program import findings, same
import trees

FORMATS = ["cyclonedx-json@1.4", "cyclonedx-json@1.6", "cyclonedx-xml@1.6", "spdx-json", "spdx-tag-value", "spdx-3-json"]


def run(checks, program, debian, work):
    images = {
        "debian": f"oci:{work / 'image'}",
        "almalinux": f"oci:{work / 'alma-image'}",
        "alpine": f"oci:{work / 'alpine-image'}",
    }
    for name, reference in images.items():
        files = written(program, reference, work / f"sbom-{name}")
        wanted = program.report(reference, "--no-gate")
        for form, path in files.items():
            checks(f"sbom: {name} as {form} gives the image's findings", as_image, program, path, wanted)
    checks("sbom: the same bytes at the same time", reproducible, program, images["debian"], work)
    checks("sbom: difference of two versions", difference, program, work)
    checks("sbom: merge", merge, program, work)


def written(program, reference, folder):
    folder.mkdir()
    files = {form: folder / f"{form}.{ending(form)}" for form in FORMATS}
    outputs = [word for form, path in files.items() for word in ("-o", f"{form}={path}")]
    program.run("sbom", reference, "--layer-cache", program.cache, "--accept-gaps", *outputs).exits(0)
    return files


def ending(form):
    return {"cyclonedx-xml@1.6": "cdx.xml", "spdx-tag-value": "spdx", "spdx-json": "spdx.json", "spdx-3-json": "spdx3.json"}.get(form, "cdx.json")


def as_image(program, path, wanted):
    run = program.run("audit", path, "--db", program.database, "--no-gate", "--format", "json").exits(0)
    found = run.json()
    same("findings", findings(found), findings(wanted))
    assert findings(found) == findings(wanted), "the same set, and not as often"
    same("components", [one["purl"] for one in found["components"]], [one["purl"] for one in wanted["components"]])
    same_gaps = [[(one["status"], [gap["message"] for gap in one["problems"]]) for one in report["evidence"]] for report in (found, wanted)]
    assert same_gaps[0] == same_gaps[1], same_gaps


def reproducible(program, reference, work):
    env = program.environment(SOURCE_DATE_EPOCH=layout.EPOCH)
    for form in FORMATS:
        words = ["sbom", reference, "--layer-cache", program.cache, "--accept-gaps", "--format", form]
        once, twice = (program.run(*words, env=env).exits(0).out for _ in range(2))
        assert once == twice, form
        # A name of the image that says where it lies is the only thing that may differ elsewhere.
        assert b"2023-11-14T22:13:20" in once, form


def difference(program, work):
    paths = []
    for number, version in enumerate(("1.0.0", "2.0.0", "2.0.0")):
        metadata = f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n"
        place = f"usr/lib/python3/dist-packages/demo-{version}.dist-info"
        tars = [trees.small_debian(), layout.members((f"{place}/METADATA", metadata), (f"{place}/RECORD", ""))]
        image = layout.one(work / f"version-{number}", tars)
        paths.append(work / f"version-{number}.cdx.json")
        program.run("sbom", str(image), "-o", f"cyclonedx-json={paths[-1]}", "--no-layer-cache").exits(0)
    run = program.run("sbom", "diff", paths[0], paths[1]).exits(0)
    run.says("demo", "1.0.0", "2.0.0")
    assert b"zlib1g" not in run.out, run.out
    program.run("sbom", "diff", paths[0], paths[1], "--exit-code").exits(1)
    program.run("sbom", "diff", paths[1], paths[2], "--exit-code").exits(0)
    json.loads(program.run("sbom", "diff", paths[0], paths[1], "--format", "json").exits(0).out)


def merge(program, work):
    parts = [work / "sbom-almalinux" / "spdx-json.spdx.json", work / "sbom-alpine" / "cyclonedx-json@1.6.cdx.json"]
    whole = work / "whole.cdx.json"
    program.run("sbom", "merge", *parts, "--name", "fleet", "-o", whole).exits(0)
    reports = [
        program.run("audit", path, "--db", program.database, "--no-gate", "--format", "json").exits(0).json()
        for path in (*parts, whole)
    ]
    wanted = sorted(findings(reports[0]) + findings(reports[1]))
    assert findings(reports[2]) == wanted and len(wanted) == 2, (findings(reports[2]), wanted)
