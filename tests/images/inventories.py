"""The inventory is what the tools inside the image say: nothing missing, nothing extra, each with its layer."""
import layout
import trees
from program import same
from urllib.parse import unquote


def parts(component):
    """Type, name with its name space, version and qualifiers of a component's purl."""
    text, _, rest = component["purl"].partition("?")
    kind, _, path = text.removeprefix("pkg:").partition("/")
    path, _, version = path.rpartition("@")
    qualifiers = dict(pair.split("=", 1) for pair in rest.split("&") if pair)
    return kind, unquote(path), unquote(version), {key: unquote(value) for key, value in qualifiers.items()}


def of(report, kind):
    return [(one, *parts(one)[1:]) for one in report["components"] if parts(one)[0] == kind]


def run(checks, program, debian, work):
    image = layout.one(work / "image", debian.tars, steps=debian.steps)
    report = program.report(str(image), "--no-gate")
    checks("inventory: dpkg-query", dpkg, report, debian)
    checks("inventory: pip list", pip, report, debian)
    checks("inventory: npm ls", npm, report, debian)
    checks("inventory: go version -m", modules, report, debian)
    checks("inventory: nothing else", nothing_else, report, debian)
    checks("layers: what each step brought", layers, report, debian)
    checks("findings: those of the records", expected, report, debian)
    checks("inventory: rpm -qa", rpm, program, work)
    checks("inventory: Alpine's database", alpine, program, work)


def dpkg(report, debian):
    found = set()
    for component, name, version, qualifiers in of(report, "deb"):
        source = component.get("source") or {"name": name.removeprefix("debian/"), "version": version}
        assert qualifiers["distro"] == "debian-12", component
        found.add((name.removeprefix("debian/"), version, qualifiers["arch"], source["name"], source["version"]))
    same("dpkg", found, debian.dpkg())


def pip(report, debian):
    same("pip", {(name, version) for _, name, version, _ in of(report, "pypi")}, debian.pip())


def npm(report, debian):
    # The application's own package.json is a package too, which `npm ls` shows as the root.
    found = {(name, version) for _, name, version, _ in of(report, "npm")}
    same("npm", found - {("shop", "1.2.3")}, debian.npm())


def modules(report, debian):
    found = {(name, version) for _, name, version, _ in of(report, "golang")}
    if not debian.go:
        assert not found
        return
    missing = debian.modules() - found
    assert not missing, missing
    assert {name for name, _ in found - debian.modules()} <= {"stdlib", "example.org/program"}, found


def nothing_else(report, debian):
    kinds = {parts(one)[0] for one in report["components"]}
    assert kinds <= {"deb", "pypi", "npm", "golang"}, kinds
    [evidence] = report["evidence"]
    # A program of a folder without git has no version, and secgate says so.
    wanted = ["usr/local/bin/program"] if debian.go else []
    assert [one["path"] for one in evidence["problems"]] == wanted, evidence
    assert evidence["status"] == ("partial" if wanted else "complete"), evidence


def layers(report, debian):
    where = {}
    for component in report["components"]:
        kind, name, _, _ = parts(component)
        where[kind, name] = {place["layer"] for place in component["locations"]}
    for key, layer in (
        (("deb", "debian/libc6"), 0), (("deb", "debian/python3"), 0), (("deb", "debian/netbase"), 1), (("pypi", "flask"), 1),
        (("pypi", "pip"), 0), (("npm", "lodash"), 2), (("npm", "qs"), 2),
    ):
        assert where[key] == {debian.ids[layer]}, (key, where[key], debian.ids)
    if debian.go:
        assert where["golang", "rsc.io/quote"] == {debian.ids[2]}


def expected(report, debian):
    rules = {(one["rule"], parts({"purl": one["component"]})[1]) for one in report["findings"] if one["component"]}
    names = {name for _, name in rules}
    wanted = {"debian/zlib1g", "debian/libc6", "debian/python3.11", "debian/netbase", "debian/perl-base", "flask", "werkzeug", "lodash", "qs"}
    assert wanted <= names, wanted - names
    never = {"debian/ca-certificates", "debian/tzdata", "jinja2", "six", "express", "rsc.io/sampler"}
    assert not never & names, never & names
    assert not debian.go or "rsc.io/quote" in names, names


def rpm(program, work):
    tar, wanted = trees.alma(work)
    report = program.report(str(layout.one(work / "alma-image", [tar])), "--no-gate")
    found = set()
    for _, name, version, qualifiers in of(report, "rpm"):
        found.add((name.removeprefix("almalinux/"), qualifiers.get("epoch", "0"), version, qualifiers["arch"]))
    same("rpm", found, wanted)
    assert len(report["components"]) == len(wanted), report["components"]
    same("findings", {one["component"].split("@")[0] for one in report["findings"] if one["component"]}, {"pkg:rpm/almalinux/openssl-libs"})


def alpine(program, work):
    report = program.report(str(layout.one(work / "alpine-image", [trees.small_alpine()])), "--no-gate")
    found = {(name, version, (one.get("source") or {"name": name.split("/")[1]})["name"]) for one, name, version, _ in of(report, "apk")}
    same("apk", found, {("alpine/musl", "1.2.5-r0", "musl"), ("alpine/libcrypto3", "3.3.0-r2", "openssl"), ("alpine/busybox", "1.36.1-r28", "busybox")})
    same("findings", {one["component"].split("@")[0] for one in report["findings"] if one["component"]}, {"pkg:apk/alpine/libcrypto3"})
