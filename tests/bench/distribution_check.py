#!/usr/bin/python3
"""Checks the matching of distributions' packages against code that shares nothing with it.

Draws versions at and around every boundary of the records of a folder of OSV archives (as `secgate db build --from`
reads it), decides with dpkg's, rpm's and an own Alpine order which records hold them, asks secgate the same by way of an
SBOM, and compares the ids. Needs Debian's python3-apt and python3-rpm.

usage: distribution_check.py --feed DIR --secgate BINARY [--database FILE] [--packages N] [--seed N] [ECOSYSTEM...]
"""

import argparse
import collections
import functools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import urllib.parse
import zipfile

import apt_pkg
import rpm

apt_pkg.init_system()


def rpm_parts(text):
    epoch, rest = text.split(":", 1) if re.match(r"^\d+:", text) else ("0", text)
    version, _, release = rest.rpartition("-") if "-" in rest else (rest, "", None)
    return epoch or "0", version, release


def rpm_compare(a, b):
    return rpm.labelCompare(rpm_parts(a), rpm_parts(b))


APK = re.compile(
    r"^(\d+(?:\.\d+)*)([a-z])?((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)(?:~([0-9a-f]+))?(?:-r(\d+))?$"
)
SUFFIXES = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}


def apk_compare(a, b):
    """Alpine's order, written from the description in apk-package(5)."""
    a, b = APK.match(a), APK.match(b)
    if not a or not b:
        raise ValueError("no version of Alpine's form")
    numbers_a, numbers_b = a.group(1).split("."), b.group(1).split(".")
    for at, (x, y) in enumerate(zip(numbers_a, numbers_b)):
        if at and (x.startswith("0") or y.startswith("0")):
            if x != y:
                return -1 if x < y else 1
        elif int(x) != int(y):
            return -1 if int(x) < int(y) else 1
    if len(numbers_a) != len(numbers_b):
        return -1 if len(numbers_a) < len(numbers_b) else 1
    if (a.group(2) or "") != (b.group(2) or ""):
        return -1 if (a.group(2) or "") < (b.group(2) or "") else 1
    parse = lambda text: [(SUFFIXES[s], int(n or -1)) for s, n in re.findall(r"_([a-z]+)(\d*)", text)]
    suffixes_a, suffixes_b = parse(a.group(3)), parse(b.group(3))
    for x, y in zip(suffixes_a, suffixes_b):
        if x != y:
            return -1 if x < y else 1
    if len(suffixes_a) != len(suffixes_b):
        longer, sign = (suffixes_a, 1) if len(suffixes_a) > len(suffixes_b) else (suffixes_b, -1)
        return sign * (1 if longer[min(len(suffixes_a), len(suffixes_b))][0] > 0 else -1)
    revision = lambda match: int(match.group(5)) if match.group(5) else -1
    return (revision(a) > revision(b)) - (revision(a) < revision(b))


ORDER = {
    "Debian": apt_pkg.version_compare,
    "Alpine": apk_compare,
    "Wolfi": apk_compare,
    "AlmaLinux": rpm_compare,
}


def purl(ecosystem, name, version):
    base, _, release = ecosystem.partition(":")
    quoted, name = urllib.parse.quote(version, safe=":"), urllib.parse.quote(name)
    match base:
        case "Debian":
            return f"pkg:deb/debian/{name}@{quoted}?arch=source&distro=debian-{release}"
        case "Alpine":
            return f"pkg:apk/alpine/{name}@{quoted}?distro=alpine-{release.removeprefix('v')}"
        case "Wolfi":
            return f"pkg:apk/wolfi/{name}@{quoted}"
        case "AlmaLinux":
            epoch, rest = version.split(":", 1) if ":" in version else ("", version)
            rest = urllib.parse.quote(rest, safe="")
            # Both ways to write an epoch.
            if epoch and len(name) % 2:
                return f"pkg:rpm/almalinux/{name}@{rest}?distro=almalinux-{release}&epoch={epoch}"
            prefix = f"{epoch}:" if epoch else ""
            return f"pkg:rpm/almalinux/{name}@{prefix}{rest}?distro=almalinux-{release}"
    raise SystemExit(f"no purl for {ecosystem}")


def holds(order, affected, version):
    if version in affected.get("versions", []):
        return True
    for interval in affected.get("ranges", []):
        if interval["type"] == "GIT":
            continue
        events = []
        for event in interval["events"]:
            (kind, text), = event.items()
            events.append((kind, text))
        key = functools.cmp_to_key(
            lambda a, b: (a[1] != "0") - (b[1] != "0") if "0" in (a[1], b[1]) else order(a[1], b[1])
        )
        events.sort(key=key)
        inside = False
        for kind, text in events:
            if kind == "introduced" and (text == "0" or order(version, text) >= 0):
                inside = True
            elif kind == "fixed" and order(version, text) >= 0:
                inside = False
            elif kind == "last_affected" and order(version, text) > 0:
                inside = False
        if inside:
            return True
    return False


def is_modular(text):
    return ".module_" in text or ".module+" in text


def speaks(ecosystem, affected, version):
    """Whether an AlmaLinux entry is about packages of the same sort: of a module, or of none."""
    if not ecosystem.startswith("AlmaLinux"):
        return True
    fixes = [e["fixed"] for r in affected.get("ranges", []) for e in r["events"] if "fixed" in e]
    return not fixes or any(is_modular(fix) == is_modular(version) for fix in fixes)


def around(ecosystem, version):
    """The version, and one each just below and just above it."""
    base = ecosystem.split(":")[0]
    yield version
    if base in ("Debian", "AlmaLinux"):
        yield version + "~"
        yield version + (".1" if base == "AlmaLinux" else "+x1")
    else:
        stem, mark, revision = version.partition("-r")
        if mark and revision.isdigit():
            yield f"{stem}-r{int(revision) + 1}"
            yield f"{stem}-r{int(revision) - 1}" if int(revision) else stem
            if "_" not in stem:
                yield f"{stem}_rc1-r0"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--feed", required=True)
    parser.add_argument("--secgate", required=True)
    parser.add_argument("--database")
    parser.add_argument("--packages", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("ecosystems", nargs="*", default=list(ORDER))
    args = parser.parse_args()
    chance = random.Random(args.seed)
    work = tempfile.TemporaryDirectory()
    database = args.database or os.path.join(work.name, "db")
    if not args.database:
        subprocess.run([args.secgate, "db", "build", "--from", args.feed, "--db", database, "-q"], check=True)
    failed = False
    for base in args.ecosystems:
        order = ORDER[base]
        entries = collections.defaultdict(list)
        flaws, known = {}, set()
        with zipfile.ZipFile(os.path.join(args.feed, base, "all.zip")) as archive:
            for name in archive.namelist():
                record = json.loads(archive.read(name))
                if record.get("withdrawn"):
                    continue
                known.add(record["id"])
                cves = [i for i in record.get("upstream", []) + record.get("aliases", []) if i.startswith("CVE-")]
                flaws[record["id"]] = set(cves or [i for i in record.get("related", []) if i.startswith("CVE-")])
                if "-CVE-" in record["id"]:
                    flaws[record["id"]] = {record["id"][record["id"].index("-CVE-") + 1:]}
                for affected in record["affected"]:
                    package = affected["package"]
                    if package["ecosystem"].split(":")[0] == base:
                        entries[package["ecosystem"], package["name"]].append((record["id"], affected))
        chosen = sorted(entries)
        chosen = chance.sample(chosen, min(args.packages, len(chosen)))
        cases, unordered = {}, set()
        for ecosystem, name in chosen:
            texts = {
                text
                for _, affected in entries[ecosystem, name]
                for interval in affected.get("ranges", [])
                for event in interval["events"]
                for text in event.values()
                if text != "0"
            }
            texts = chance.sample(sorted(texts), min(6, len(texts)))
            versions = {version for text in texts for version in around(ecosystem, text)} or {"1.0-1"}
            for version in versions:
                if order is apk_compare and not APK.match(version):
                    continue
                expected = set()
                for record, affected in entries[ecosystem, name]:
                    try:
                        if speaks(ecosystem, affected, version) and holds(order, affected, version):
                            expected.add(record)
                    except ValueError:
                        unordered.add(record)
                if re.match(r"kernel.*-(headers|devel|doc|devel-matched)$|kernel-abi-", name):
                    expected = set()
                cases[purl(ecosystem, name, version)] = expected
        sbom = os.path.join(work.name, f"{base}.cdx.json")
        with open(sbom, "w") as file:
            json.dump(
                {
                    "bomFormat": "CycloneDX",
                    "specVersion": "1.5",
                    "components": [
                        {"type": "library", "bom-ref": str(at), "name": "x", "purl": text}
                        for at, text in enumerate(cases)
                    ],
                },
                file,
            )
        run = subprocess.run(
            [args.secgate, "audit", sbom, "--db", database, "--no-gate", "--offline", "--format", "json", "-q"],
            capture_output=True,
        )
        if run.returncode:
            sys.exit(f"{base}: secgate ended with {run.returncode}: {run.stderr.decode()[:2000]}")
        report = json.loads(run.stdout)
        found = collections.defaultdict(set)
        extra_findings = 0
        wrong_cves = 0
        same = {"|".join(sorted(re.split("[?&]", urllib.parse.unquote(text)))): text for text in cases}
        for finding in report["findings"]:
            key = "|".join(sorted(re.split("[?&]", urllib.parse.unquote(finding["component"]))))
            expected = cases[same[key]]
            ids = {finding["rule"], *finding["aliases"]}
            found[same[key]] |= ids
            if not ids & expected:
                extra_findings += 1
            named = {i for i in ids if i.startswith("CVE-")}
            wrong_cves += len(named - set().union(*(flaws[i] for i in expected))) if named else 0
        missed = [(text, i) for text, expected in cases.items() for i in expected - found[text]]
        extra = [(text, i) for text in cases for i in (found[text] & known) - cases[text]]
        facts = sum(len(expected) for expected in cases.values())
        problems = [p for e in report["evidence"] for p in e.get("problems", []) if p.get("gap")]
        print(
            f"{base}: {len(chosen)} packages, {len(cases)} versions, {facts} facts, {len(report['findings'])} findings: "
            f"missed {len(missed)}, extra records {len(extra)}, extra findings {extra_findings}, other CVEs {wrong_cves}"
        )
        for text, record in (missed[:5] + extra[:5]):
            print("  ", "missed" if (text, record) in missed[:5] else "extra", record, text)
        gaps = [problem["message"] for problem in problems if "end of life" not in problem["message"]]
        for message in gaps[:5]:
            print("   gap:", message[:200])
        # What has no order has to be told.
        untold = {record for record in unordered if not any(record in message for message in gaps)}
        if unordered:
            print(f"   without an order: {sorted(unordered)[:5]}, told: {not untold}")
        failed |= bool(untold)
        failed |= bool(missed or extra or extra_findings or wrong_cves)
    sys.exit(failed)


main()
