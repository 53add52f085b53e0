"""The same image in every form, and of an index, gives the same findings."""
import json
import subprocess
import tarfile

import layout
from program import same
import trees


def run(checks, program, debian, work):
    wanted = program.report(f"oci:{work / 'image'}", "--no-gate")
    forms = {
        "oci-archive": f"oci-archive:{work / 'image.oci.tar'}:1",
        "docker-archive": f"docker-archive:{work / 'image.docker.tar'}:shop:1",
    }
    for scheme, target in forms.items():
        checks(f"form: {scheme} by skopeo", archive, program, work, target, wanted)
    checks("form: zstd and plain layers", compressions, program, debian, work, wanted)
    checks("form: an index of two platforms", platforms, program, work)
    checks("form: two images without a tag", unnamed, program, work)
    checks("form: what is not there", missing, program, work)


def content(report):
    """What a scan says of an image, whatever it lies in."""
    return {
        "components": sorted((one["purl"], sorted(place["layer"] or "" for place in one["locations"])) for one in report["components"]),
        "findings": sorted((one["rule"], one["severity"], one["component"] or "") for one in report["findings"]),
    }


def equal(found, wanted):
    for key, value in content(wanted).items():
        assert value, key
        same(key, map(str, content(found)[key]), map(str, value))


def archive(program, work, target, wanted):
    source = f"oci:{work / 'image'}:1"
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--quiet", source, target], check=True, capture_output=True)
    # The tag of an archive with one image may be left out; without memory each layer is read.
    scheme, path = target.split(":")[:2]
    equal(program.report(f"{scheme}:{path}", "--no-gate", "--no-layer-cache", plain=True), wanted)


def compressions(program, debian, work, wanted):
    for form in ("zstd", "plain"):
        image = layout.one(work / form, debian.tars[1:], form=form)
        other = layout.one(work / f"{form}-gzip", debian.tars[1:])
        reports = [program.report(str(one), "--no-gate", "--no-layer-cache", plain=True) for one in (image, other)]
        equal(*reports)


def index(work, name="index"):
    image = layout.Layout(work / name)
    image.name(image.image([trees.small_debian()], platform="amd64"), "1", "amd64")
    image.name(image.image([trees.small_alpine()], platform="arm64"), "1", "arm64")
    return image


def platforms(program, work):
    image = str(index(work))
    kinds = {}
    for platform in ("linux/amd64", "linux/arm64"):
        report = program.report(image, "--no-gate", "--platform", platform)
        kinds[platform] = {one["purl"].split("/")[0] for one in report["components"]}
    assert kinds == {"linux/amd64": {"pkg:deb"}, "linux/arm64": {"pkg:apk"}}, kinds
    program.image(image, "--platform", "linux/s390x").exits(3).says("s390x")
    program.image(image, "--platform", "linux").exits(2)
    both = program.image(image, "--all-platforms", "--no-gate", "-o", f"json={work / 'both.json'}").exits(0)
    both.says("linux/amd64", "linux/arm64", "zlib1g", "libcrypto3")
    names = sorted(path.name for path in work.glob("*both.json"))
    assert names == ["linux-amd64.both.json", "linux-arm64.both.json"], names
    program.run("sbom", image, "--all-platforms").exits(2).says("--platform")


def unnamed(program, work):
    image = layout.Layout(work / "unnamed")
    image.name(image.image([trees.small_debian()]))
    image.name(image.image([trees.small_alpine()]))
    program.image(str(image)).exits(3)


def missing(program, work):
    program.image(f"oci:{work / 'nowhere'}").exits(3).says("nowhere")
    program.image(f"oci:{work / 'image'}:nosuchtag").exits(3).says("nosuchtag")
    program.image(f"docker-archive:{work / 'nowhere.tar'}").exits(3).says("nowhere.tar")
    program.image("oci:").exits(2)
    program.image("a b").exits(2)
    with tarfile.open(work / "empty.tar", "w"):
        pass
    program.image(f"docker-archive:{work / 'empty.tar'}").exits(3)
    program.image(f"oci-archive:{work / 'empty.tar'}").exits(3)
    (work / "text.tar").write_text("no archive\n" * 200)
    program.image(f"docker-archive:{work / 'text.tar'}").exits(3)
    wrong = work / "wrong-index"
    layout.one(wrong, [trees.small_debian()])
    (wrong / "index.json").write_text(json.dumps({"schemaVersion": 2}))
    program.image(f"oci:{wrong}").exits(3)
