"""Images made to hurt or to hide: bounded in time and memory, named, and never a pass."""
import gzip
import json
import tarfile
import zlib

import layout
import trees

MEMORY = 400  # MiB, of a debug build


def run(checks, program, debian, work):
    base = trees.small_debian()
    clean = layout.members(("etc/hostname", "x\n"))
    checks("hostile: a small Debian is judged", judged, program, work, base)
    checks("hostile: gzip bomb", bomb, program, work, base)
    checks("hostile: members that climb out", climb, program, work, base)
    checks("hostile: loops of links", loops, program, work, base)
    checks("hostile: a wrong diffID", wrong_id, program, work, base, clean)
    checks("hostile: a layer cut off", cut, program, work, base)
    checks("hostile: a tar file cut off", cut_tar, program, work, base)
    checks("hostile: layers in another order", swapped, program, work, base, clean)
    checks("hostile: a blob with other bytes", other_bytes, program, work, base)
    checks("hostile: an image without layers", nothing, program, work)
    checks("hostile: a program that says nothing of itself", scratch, program, work)
    checks("hostile: database damaged or hidden", damaged_database, program, work)
    checks("hostile: a release past its end", release, program, work, "ended", "8")
    checks("hostile: a distribution that nobody knows", release, program, work, "unknown", "somethingelse")
    checks("hostile: 10,000 layers", many_layers, program, work)


def scan(program, image, *more):
    run = program.measured("image", str(image), "--db", str(program.database), "--no-layer-cache", *more)
    assert run.peak < MEMORY, f"{run.peak} MiB"
    assert run.seconds < 50, f"{run.seconds} s"
    return run


def judged(program, work, base):
    scan(program, layout.one(work / "h-plain", [base])).exits(1).says("zlib1g", "CVE-2026-40001")


def bomb(program, work, base):
    """6 GiB of zeros in 6 MB, as a file's body that nobody wants and as one that everybody wants."""
    for name in ("var/lib/data", "var/lib/dpkg/status"):
        image = layout.Layout(work / f"h-bomb-{name.rsplit('/')[-1]}")
        info = tarfile.TarInfo(name)
        info.size = 6 << 30
        squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
        zeros = squeeze.compress(info.tobuf(tarfile.GNU_FORMAT))
        zeros += squeeze.flush(zlib.Z_FULL_FLUSH)
        # Each piece after a full flush stands alone, so that the same one may be repeated.
        piece = squeeze.compress(bytes(64 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
        second = squeeze.compress(bytes(64 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
        data = zeros + piece + second * 95
        layer = image.blob(data, layout.GZIP)
        image.name(image.manifest([image.blob(*layout.squeeze(base, "gzip")), layer], [layout.sha256(base), "sha256:" + "0" * 64]))
        scan(program, image).exits(3)


def climb(program, work, base):
    outside = work / "outside"
    evil = layout.members(
        ("../../outside", b"x"), (str(outside), b"x"), ("a/../../../outside", b"x"), ("etc/link", layout.link("../../../..")),
        ("etc/link/outside", b"x"), ("hard", layout.link("../../etc/passwd", tarfile.LNKTYPE)),
    )
    scan(program, layout.one(work / "h-climb", [base, evil])).exits(1, 3)
    assert not outside.exists()
    # A database that lies outside the root is nobody's.
    hidden = layout.members(("etc/os-release", trees.RELEASES["debian"]), ("../var/lib/dpkg/status", trees.DPKG))
    scan(program, layout.one(work / "h-climb-status", [hidden])).exits(1, 3)


def loops(program, work, base):
    evil = layout.members(
        ("a", layout.link("b")), ("b", layout.link("a")), ("self", layout.link("self")), ("d", None), ("d/up", layout.link("..")),
        ("var/lib/rpm", layout.link("../lib/rpm")), ("lib/apk/db/installed", layout.link("installed")),
    )
    run = scan(program, layout.one(work / "h-loops", [base, evil]), "--format", "json").exits(1, 3)
    assert any("zlib1g" in one["purl"] for one in run.json()["components"])


def wrong_id(program, work, base, clean):
    for number, ids in enumerate(([layout.sha256(clean)], ["sha256:" + "1" * 64], ["md5:1"], [], [layout.sha256(base)] * 2)):
        image = layout.Layout(work / f"h-id-{number}")
        image.name(image.manifest([image.blob(*layout.squeeze(base, "gzip"))], ids))
        run = scan(program, image).exits(3)
        assert not run.out, run.tail()
        # What did not check out must not be remembered either.
        program.image(str(image)).exits(3)


def cut(program, work, base):
    image = layout.Layout(work / "h-cut")
    data, kind = layout.squeeze(base, "gzip")
    image.name(image.manifest([image.blob(data[:-60], kind)], [layout.sha256(base)]))
    run = scan(program, image).exits(3)
    assert not run.out, run.tail()


def cut_tar(program, work, base):
    """Whole as gzip and with the right digests, and yet half a tar file."""
    half = base[: 512 * 5 + 100]
    run = scan(program, layout.one(work / "h-cut-tar", [half])).exits(3)
    assert not run.out or "ERROR" in run.out.decode(), run.tail()


def swapped(program, work, base, clean):
    image = layout.Layout(work / "h-swapped")
    layers = [image.blob(*layout.squeeze(tar, "gzip")) for tar in (base, clean)]
    image.name(image.manifest(layers, [layout.sha256(clean), layout.sha256(base)]))
    run = scan(program, image).exits(3)
    assert not run.out, run.tail()
    # Also with both layers remembered under their own names.
    program.image(str(layout.one(work / "h-unswapped", [base, clean]))).exits(1)
    program.image(str(image)).exits(3, 1)


def other_bytes(program, work, base):
    for number, which in enumerate(("config", "layers", "manifest")):
        image = layout.Layout(work / f"h-bytes-{number}")
        top = image.image([base])
        image.name(top)
        manifest = json.loads((image.blobs / top["digest"][7:]).read_bytes())
        target = {"config": manifest["config"], "layers": manifest["layers"][0], "manifest": top}[which]
        path = image.blobs / target["digest"][7:]
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        run = scan(program, image).exits(3)
        assert not run.out, run.tail()
        path.unlink()
        scan(program, image).exits(3)


def nothing(program, work):
    scan(program, layout.one(work / "h-empty", [])).exits(3)
    scan(program, layout.one(work / "h-empty-layer", [layout.members()])).exits(3)


def scratch(program, work):
    """A static program without build information: nobody can say what it is made of."""
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little") + (62).to_bytes(2, "little") + (1).to_bytes(4, "little") + bytes(40)
    image = layout.one(work / "h-scratch", [layout.members(("server", elf + bytes(4096)))])
    scan(program, image).exits(3).says("record of packages")
    program.run("sbom", str(image), "--no-layer-cache").exits(3)


def damaged_database(program, work):
    release = ("etc/os-release", trees.RELEASES["debian"])
    half = trees.DPKG[: trees.DPKG.index("Version: 2024a")]
    for number, (name, content) in enumerate((
        ("var/lib/dpkg/status", half), ("var/lib/dpkg/status", "\0\1\2 no database"), ("var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0" + bytes(50)),
        ("var/lib/dpkg/status", layout.link("elsewhere")),
    )):
        scan(program, layout.one(work / f"h-database-{number}", [layout.members(release, (name, content))])).exits(3)
    # A layer above that takes the database away hides what is there.
    gone = layout.members(("var/lib/dpkg/.wh.status", b""))
    scan(program, layout.one(work / "h-database-gone", [layout.members(release, ("var/lib/dpkg/status", trees.DPKG)), gone])).exits(3)


def release(program, work, name, told):
    scan(program, layout.one(work / f"h-{name}", [trees.small_debian(name)])).exits(3).says(told)


def many_layers(program, work):
    image = layout.Layout(work / "h-many")
    tar = layout.members()
    layer = image.blob(gzip.compress(tar, mtime=0), layout.GZIP)
    image.name(image.manifest([layer] * 10_000, [layout.sha256(tar)] * 10_000))
    scan(program, image).exits(3)
