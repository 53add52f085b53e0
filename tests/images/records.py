"""Advisories of our own about what the images hold, in the layout of the public OSV export, made in the time of the run."""
import datetime
import gzip
import json
import zipfile

HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"
NOW = datetime.datetime.now(datetime.timezone.utc)

# (ecosystem, folder, package, introduced, fixed): some match and some are near misses that must not.
ABOUT = [
    ("Debian:12", "zlib", "0", "1:1.2.14"),
    ("Debian:12", "glibc", "0", "9:1"),
    ("Debian:12", "python3.11", "0", None),
    ("Debian:12", "tzdata", "0", "1"),
    ("Debian:12", "netbase", "0", "99"),
    ("Debian:12", "ca-certificates", "0", "99999999"),
    ("Debian:11", "perl", "0", "99"),
    ("Debian:12", "perl", "0", "5.36.0-7+deb12u99"),
    ("PyPI", "flask", "0", "2.2.5"),
    ("PyPI", "werkzeug", "0", "3.0.0"),
    ("PyPI", "jinja2", "3.0.4", "3.1.0"),
    ("PyPI", "six", "0", "99"),
    ("npm", "lodash", "0", "4.17.21"),
    ("npm", "express", "0", "4.17.1"),
    ("npm", "qs", "0", "6.9.0"),
    ("Go", "rsc.io/quote", "0", "1.5.3"),
    ("Go", "rsc.io/sampler", "2.0.0", "3.0.0"),
    ("AlmaLinux:9", "openssl-libs", "0", "1:3.0.7-28.el9"),
    ("AlmaLinux:9", "bash", "0", "5.1.8-9.el9"),
    ("Alpine:v3.20", "openssl", "0", "3.3.1-r0"),
    ("Alpine:v3.20", "musl", "0", "1.2.5-r0"),
]


def record(number, ecosystem, package, introduced, fixed, modified):
    events = [{"introduced": introduced}] + ([{"fixed": fixed}] if fixed else [])
    kind = "SEMVER" if ecosystem == "Go" else "ECOSYSTEM"
    return {
        "schema_version": "1.7.0", "id": f"CVE-2026-{number}", "modified": modified, "published": modified,
        "summary": f"{package}: made for a test", "severity": [{"type": "CVSS_V3", "score": HIGH}],
        "affected": [{"package": {"ecosystem": ecosystem, "name": package}, "ranges": [{"type": kind, "events": events}]}],
    }


def write(folder, days=0):
    """Writes the export as of so many days ago."""
    modified = (NOW - datetime.timedelta(days=days, minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {}
    for number, about in enumerate(ABOUT, 40001):
        found.setdefault(about[0].split(":")[0], []).append(record(number, *about, modified))
    folder.mkdir()
    for ecosystem, rows in found.items():
        place = folder / ecosystem
        place.mkdir()
        with zipfile.ZipFile(place / "all.zip", "w") as archive:
            for row in rows:
                archive.writestr(f"{row['id']}.json", json.dumps(row))
        (place / "modified_id.csv").write_text("".join(f"{modified},{row['id']}\n" for row in rows))
    places = [folder / "enrichment" / name for name in ("kev", "epss")]
    for place in places:
        place.mkdir(parents=True)
    catalogue = {"title": "Known exploited", "catalogVersion": "1", "dateReleased": modified, "count": 1, "vulnerabilities": [{"cveID": "CVE-2026-40099", "vendorProject": "demo", "product": "demo", "dateAdded": "2026-01-05"}]}
    (places[0] / "known_exploited_vulnerabilities.json").write_text(json.dumps(catalogue))
    scores = f"#model_version:v1,score_date:{modified}\ncve,epss,percentile\nCVE-2026-40001,0.01,0.4\n"
    (places[1] / "epss_scores-current.csv.gz").write_bytes(gzip.compress(scores.encode()))
    (folder / "ecosystems.txt").write_text("".join(f"{name}\n" for name in sorted(found)))
    return folder
