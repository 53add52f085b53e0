"""The cache of layers: the same bytes of report with it, without it, by many processes at once, and when it is damaged."""
import records
from program import findings


def run(checks, program, debian, work):
    checks("cache: the same bytes", same_bytes, program, work)
    checks("cache: 20 processes at once", together, program, work)
    checks("cache: damaged files", damaged, program, work)
    checks("cache: a folder that cannot be written", unwritable, program, work)


def words(program, work, *more):
    at = records.NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    return ["image", f"oci:{work / 'image'}", "--db", program.database, "--at", at, "--no-gate", *more]


def lasting(report):
    """A report without what a clock wrote into it."""
    for name in ("started", "finished"):
        report.pop(name, None)
    for evidence in report["evidence"]:
        evidence.pop("took_ms", None)
    return report


def same_bytes(program, work):
    cache = work / "cache-twice"
    kinds = {"table": None, "sarif": None, "junit": None}
    cold = {kind: program.run(*words(program, work, "--no-layer-cache", "--format", kind)).exits(0).out for kind in kinds}
    for _ in range(2):
        for kind in kinds:
            found = program.run(*words(program, work, "--layer-cache", cache, "--format", kind)).exits(0).out
            if kind == "table":
                assert len(found.splitlines()) == len(cold[kind].splitlines())
            else:
                assert found == cold[kind], kind
    reports = [
        program.run(*words(program, work, *cache_words, "--format", "json")).exits(0).json()
        for cache_words in (["--no-layer-cache"], ["--layer-cache", cache])
    ]
    assert lasting(reports[0]) == lasting(reports[1])


def together(program, work):
    cache = work / "cache-many"
    children = [program.start(*words(program, work, "--layer-cache", cache, "--format", "sarif")) for _ in range(20)]
    ended = [(child.communicate(timeout=120), child.returncode) for child in children]
    outs = {out for (out, _), code in ended}
    assert all(code == 0 for _, code in ended), [(code, err[-300:]) for (_, err), code in ended if code]
    assert len(outs) == 1, len(outs)
    left = [path.name for path in cache.rglob("*") if path.is_file()]
    assert len(left) == 4, f"a file a layer, and nothing half: {left}"


def damaged(program, work):
    cache = work / "cache-many"
    wanted = findings(program.report(f"oci:{work / 'image'}", "--no-gate"))
    files = sorted(path for path in cache.rglob("*") if path.is_file())
    for path, harm in zip(files, (cut, flip, empty, swap(files))):
        harm(path)
        found = program.run(*words(program, work, "--layer-cache", cache, "--format", "json")).exits(0).json()
        assert findings(found) == wanted, (path, harm)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


def swap(files):
    """The remembered list of another layer under this one's name."""

    def harm(path):
        other = next(one for one in files if one != path)
        path.write_bytes(other.read_bytes())

    return harm


def unwritable(program, work):
    place = work / "a-file"
    place.write_text("no folder")
    run = program.run(*words(program, work, "--layer-cache", place / "below", "--format", "json")).exits(0, 2, 3)
    if run.code == 0:
        assert findings(run.json()) == findings(program.report(f"oci:{work / 'image'}", "--no-gate"))
