"""Root file systems built by the tools that build them everywhere, and what these tools say is in them."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import layout

WHEELS = ["flask==2.0.1", "werkzeug==2.0.3", "jinja2==3.0.3", "itsdangerous==2.1.2", "click==8.0.4", "six==1.16.0"]
PACKAGES = ["lodash@4.17.20", "express@4.17.1"]
GO = """package main

import "rsc.io/quote"

func main() { println(quote.Hello()) }
"""


def call(*args, **options):
    """Runs a tool that must succeed; gives what it prints."""
    done = subprocess.run([str(arg) for arg in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, args))}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def inside(root, *args):
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LC_ALL": "C"}
    return call("chroot", root, *args, env=env)


class Debian:
    """A Debian image of four layers: the system, wheels and a package, npm's packages and a Go program, removals."""

    def __init__(self, work):
        self.work, self.root = work, work / "debian"
        self.tars, self.steps = [], []
        self.go = shutil.which("go") or next(iter(map(str, pathlib.Path("/usr/lib/go/bin").glob("go"))), None)

    def build(self):
        self.base()
        seen = layout.snapshot(self.root)
        for step, command in (
            ("RUN pip install -r requirements.txt && dpkg -i netbase.deb", self.wheels),
            ("RUN npm install && go build", self.programs),
            ("RUN dpkg --purge ca-certificates && pip uninstall six", self.removals),
        ):
            command()
            now = layout.snapshot(self.root)
            self.tars.append(layout.change(self.root, seen, now))
            self.steps.append(step)
            seen = now
        self.ids = [layout.sha256(tar) for tar in self.tars]
        return self

    def base(self):
        """Without the sources of packages: an image must not name where it was built."""
        call(
            "mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,python3-pip,ca-certificates",
            "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"',
            f"--customize-hook=cd {self.work} && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download netbase",
            '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/etc/apt/sources.list.d/*',
            "bookworm", self.root, "/etc/apt/sources.list.d/debian.sources",
        )
        self.tars.append(layout.whole(self.root))
        self.steps.append("ADD rootfs.tar /")

    def wheels(self):
        wheels = self.root / "tmp" / "wheels"
        call(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.11",
            "--platform=manylinux2014_x86_64", "--platform=any", "--dest", wheels, *WHEELS, "markupsafe==2.1.5",
        )
        files = [f"/tmp/wheels/{path.name}" for path in sorted(wheels.iterdir())]
        inside(
            self.root, "python3", "-m", "pip", "install", "--quiet", "--no-index", "--break-system-packages",
            "--root-user-action=ignore", *files,
        )
        shutil.rmtree(wheels)
        package = next(self.work.glob("netbase_*.deb"))
        shutil.copy(package, self.root / "tmp")
        inside(self.root, "dpkg", "--install", f"/tmp/{package.name}")
        (self.root / "tmp" / package.name).unlink()

    def programs(self):
        app = self.root / "app"
        app.mkdir()
        (app / "package.json").write_text('{"name": "shop", "version": "1.2.3", "private": true}')
        call("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", app, *PACKAGES)
        if self.go:
            source = self.work / "program"
            source.mkdir()
            (source / "main.go").write_text(GO)
            (source / "go.mod").write_text("module example.org/program\n\ngo 1.18\n\nrequire rsc.io/quote v1.5.2\n")
            env = {**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
            call(self.go, "build", "-o", self.root / "usr/local/bin/program", ".", cwd=source, env=env)

    def removals(self):
        inside(self.root, "dpkg", "--purge", "--force-depends", "ca-certificates")
        inside(self.root, "python3", "-m", "pip", "uninstall", "--quiet", "--yes", "--break-system-packages", "six")

    def dpkg(self):
        """(name, version, architecture, source, source version)"""
        form = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n"
        lines = inside(self.root, "dpkg-query", "-W", f"-f={form}").splitlines()
        return {tuple(line.split("\t")[1:]) for line in lines if line.startswith("installed\t")}

    def pip(self):
        listed = json.loads(inside(self.root, "python3", "-m", "pip", "list", "--format=json", "--disable-pip-version-check"))
        return {(one["name"].lower().replace("_", "-").replace(".", "-"), one["version"]) for one in listed}

    def npm(self):
        found = set()

        def walk(node):
            for name, below in node.get("dependencies", {}).items():
                if below.get("version"):
                    found.add((name, below["version"]))
                walk(below)

        walk(json.loads(call("npm", "ls", "--all", "--json", "--prefix", self.root / "app")))
        return found

    def modules(self):
        """What the Go program was built from: (module, version)."""
        if not self.go:
            return set()
        rows = [line.split() for line in call(self.go, "version", "-m", self.root / "usr/local/bin/program").splitlines()]
        return {(row[1], row[2]) for row in rows if row and row[0] == "dep"}


RELEASES = {
    "debian": 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    "ended": 'ID=debian\nVERSION_ID="8"\nVERSION_CODENAME=jessie\n',
    "unknown": 'ID=somethingelse\nVERSION_ID="1"\n',
    "almalinux": 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nNAME="AlmaLinux"\n',
    "alpine": 'ID=alpine\nVERSION_ID=3.20.1\nNAME="Alpine Linux"\n',
}

DPKG = """Package: zlib1g
Status: install ok installed
Architecture: amd64
Source: zlib (1:1.2.13.dfsg-1)
Version: 1:1.2.13.dfsg-1+b1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2024a-0+deb12u1
"""

APK = """C:Q1aaaaaaaaaaaaaaaaaaaaaaaaaaa=
P:musl
V:1.2.5-r0
A:x86_64
o:musl
L:MIT
T:the musl c library

C:Q1bbbbbbbbbbbbbbbbbbbbbbbbbbb=
P:libcrypto3
V:3.3.0-r2
A:x86_64
o:openssl
L:Apache-2.0
T:Crypto library

C:Q1ccccccccccccccccccccccccccc=
P:busybox
V:1.36.1-r28
A:x86_64
o:busybox
L:GPL-2.0-only
T:tools
"""

SPEC = """Name: {name}
Version: {version}
Release: {release}
Epoch: {epoch}
Summary: made for a test
License: MIT
BuildArch: noarch
Vendor: AlmaLinux
%description
Made for a test.
%files
"""
RPMS = [("bash", "5.1.8", "9.el9", 0), ("openssl-libs", "3.0.7", "27.el9", 1), ("tzdata", "2024a", "1.el9", 0)]


def small_debian(release="debian"):
    """A layer with Debian's database, written by hand."""
    return layout.members(("etc/os-release", RELEASES[release]), ("var/lib/dpkg/status", DPKG))


def small_alpine():
    return layout.members(("etc/os-release", RELEASES["alpine"]), ("lib/apk/db/installed", APK))


def alma(work):
    """The layer of a system with packages that rpm itself built and installed, and what `rpm -qa` says."""
    build, root = work / "rpmbuild", work / "alma"
    build.mkdir()
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text(RELEASES["almalinux"])
    for name, version, release, epoch in RPMS:
        spec = build / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, version=version, release=release, epoch=epoch))
        call("rpmbuild", "--quiet", "-bb", "--define", f"_topdir {build}", "--define", "_build_id_links none", spec)
    place = ["--root", root, "--dbpath", "/var/lib/rpm"]
    call("rpm", *place, "--initdb")
    call("rpm", *place, "-i", "--justdb", "--nodeps", "--nosignature", *sorted(build.glob("RPMS/noarch/*.rpm")))
    form = "%{NAME}\t%{EPOCHNUM}\t%{VERSION}-%{RELEASE}\t%{ARCH}\n"
    rows = call("rpm", *place, "-qa", "--qf", form).splitlines()
    return layout.whole(root), {tuple(row.split("\t")) for row in rows if not row.startswith("gpg-pubkey")}
