"""Writes OCI layouts: layers from folders or from members that are named one by one."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import stat
import subprocess
import tarfile

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
PLAIN = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EPOCH = 1_700_000_000


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def members(*entries):
    """A tar file of (name, content), where the content is bytes, None for a folder, or a TarInfo that has it all."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in entries:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name, info.mtime = name, EPOCH
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            if isinstance(content, (bytes, str)):
                content = content.encode() if isinstance(content, str) else content
                info.size, info.mode = len(content), 0o644
                tar.addfile(info, io.BytesIO(content))
            else:
                tar.addfile(info)
    return out.getvalue()


def link(target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def whole(root):
    """The tar file of a folder."""
    return subprocess.run(
        ["tar", "--sort=name", "--numeric-owner", "--exclude=./proc/*", "--exclude=./sys/*", "-C", str(root), "-cf", "-", "."],
        stdout=subprocess.PIPE, check=True,
    ).stdout


def snapshot(root):
    """What a folder holds, so that a later look tells what changed."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            seen = os.lstat(path)
            # Making or removing a file in it changes a folder, which is no change of the folder's own.
            times = () if stat.S_ISDIR(seen.st_mode) else (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
            found[os.path.relpath(path, root)] = (seen.st_mode, seen.st_uid, *times)
    return found


def change(root, before, after):
    """The tar file of what changed between two looks: new and changed files, and a whiteout for each that went."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(after):
            if before.get(path) != after[path]:
                tar.add(os.path.join(root, path), arcname=path, recursive=False)
        for path in sorted(before):
            parent = os.path.dirname(path)
            if path not in after and (parent in after or not parent):
                tar.addfile(tarfile.TarInfo(os.path.join(parent, ".wh." + os.path.basename(path))))
    return out.getvalue()


def squeeze(tar, form):
    """The bytes and the media type of a layer."""
    if form == "gzip":
        return gzip.compress(tar, 1, mtime=0), GZIP
    if form == "zstd":
        return subprocess.run(["zstd", "-q", "-1", "-c"], input=tar, stdout=subprocess.PIPE, check=True).stdout, ZSTD
    return tar, PLAIN


class Layout:
    """An OCI image layout (OCI image specification 1.1, `image-layout.md`)."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.blobs = self.folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.top = []

    def __str__(self):
        return f"oci:{self.folder}"

    def blob(self, data, kind):
        digest = sha256(data)
        (self.blobs / digest.removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def document(self, value, kind):
        return self.blob(json.dumps(value).encode(), kind)

    def image(self, tars, form="gzip", steps=None, platform="amd64", **more):
        """Writes an image of these layers; gives its descriptor. `more` goes into the configuration."""
        layers = [self.blob(*squeeze(tar, form)) for tar in tars]
        return self.manifest(layers, [sha256(tar) for tar in tars], steps, platform, **more)

    def manifest(self, layers, ids, steps=None, platform="amd64", **more):
        config = {
            "architecture": platform, "os": "linux", "config": {"User": "1000"},
            "rootfs": {"type": "layers", "diff_ids": ids},
            "history": [{"created_by": step} for step in steps or [f"layer {at}" for at in range(len(ids))]],
        }
        config.update(more)
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.document(config, CONFIG), "layers": layers}
        return self.document(document, MANIFEST)

    def name(self, descriptor, tag=None, platform=None):
        """Puts an image into the index."""
        entry = dict(descriptor)
        if tag:
            entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
        if platform:
            entry["platform"] = {"os": "linux", "architecture": platform}
        self.top.append(entry)
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.top}
        (self.folder / "index.json").write_text(json.dumps(document))
        return self


def one(folder, tars, tag="1", **options):
    """A layout with one image."""
    layout = Layout(folder)
    return layout.name(layout.image(tars, **options), tag)
