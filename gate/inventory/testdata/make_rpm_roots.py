#!/usr/bin/env python3
"""Makes the roots of rpm below roots/: six packages, built and installed by rpm itself, in every kind of database.

Needs rpm, rpmbuild, db5.3_load (Debian: rpm, db5.3-util). Debian's rpm writes SQLite only: the same headers are put into the
other databases here (NDB) and by Berkeley DB's own tool.
"""

import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import zlib

ROOTS = pathlib.Path(__file__).parent / "roots"
OS_RELEASE = 'NAME="AlmaLinux"\nID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.3"\n'
METADATA = "Metadata-Version: 2.1\nName: PyYAML\nVersion: 5.4.1\nLicense: MIT\n\n"
SITE = "/usr/lib/python3.9/site-packages/PyYAML-5.4.1.dist-info"


def spec(name, version, release, vendor, license, rest, epoch=None):
    lines = [f"Name: {name}", f"Version: {version}", f"Release: {release}", "Summary: x", f"License: {license}"]
    lines += [f"Vendor: {vendor}"] if vendor else []
    lines += [f"Epoch: {epoch}"] if epoch else []
    return "\n".join(lines) + "\n" + rest


SPECS = [
    spec("openssl", "3.0.7", "24.el9", "AlmaLinux", "ASL 2.0", f"""%description
x
%package libs
Summary: x
Provides: libcrypto.so.3()(64bit)
%description libs
x
%package filler
Summary: x
BuildArch: noarch
%description filler
x
%install
mkdir -p %{{buildroot}}/usr/lib64 %{{buildroot}}/usr/share/filler
echo a > %{{buildroot}}/usr/lib64/libcrypto.so.3
for i in $(seq 1 120); do echo > %{{buildroot}}/usr/share/filler/a-file-with-a-long-name-to-fill-several-pages-$i.txt; done
%files libs
/usr/lib64/libcrypto.so.3
%files filler
/usr/share/filler
""", epoch=1),
    spec("PyYAML", "5.4.1", "6.el9", "AlmaLinux", "MIT", f"""BuildArch: noarch
%description
x
%package -n python3-pyyaml
Summary: x
Requires: libcrypto.so.3()(64bit)
Requires: /bin/sh
%description -n python3-pyyaml
x
%install
mkdir -p %{{buildroot}}{SITE}
cat > %{{buildroot}}{SITE}/METADATA <<'END'
{METADATA}END
%files -n python3-pyyaml
{SITE}
"""),
    spec("nodejs", "18.14.2", "2.module_el8.7.0+3479+1234", "AlmaLinux", "MIT", """BuildArch: noarch
ModularityLabel: nodejs:18:8070020230306170042:bd1311ed
Requires: python3-pyyaml >= 5
%description
x
%files
""", epoch=1),
    spec("zabbix", "6.0.1", "1.el9", "Fedora Project", "GPLv2+", "BuildArch: noarch\n%description\nx\n%files\n"),
    spec("gpg-pubkey", "8483c65d", "5ccc5b19", None, "pubkey", "BuildArch: noarch\n%description\nx\n%files\n"),
]


def root(name, folder):
    base = ROOTS / name
    shutil.rmtree(base, ignore_errors=True)
    (base / "etc").mkdir(parents=True)
    (base / "etc/os-release").write_text(OS_RELEASE)
    (base / folder).mkdir(parents=True)
    return base / folder


def install(work):
    """Builds and installs the packages; the headers in the order of the database come back."""
    defines = {"_topdir": work / "top", "_build_id_links": "none", "__os_install_post": "%{nil}", "_buildhost": "test",
               "debug_package": "%{nil}", "use_source_date_epoch_as_buildtime": "1"}
    arguments = [word for key, value in defines.items() for word in ("--define", f"{key} {value}")]
    environment = dict(os.environ, SOURCE_DATE_EPOCH="1700000000")
    for number, text in enumerate(SPECS):
        path = work / f"{number}.spec"
        path.write_text(text)
        subprocess.run(["rpmbuild", "-bb", "--quiet", *arguments, path], check=True, env=environment)
    packages = sorted((work / "top/RPMS").rglob("*.rpm"))
    base = ["rpm", "--root", work / "root", "--dbpath", "/var/lib/rpm", "--define", "_db_backend sqlite"]
    subprocess.run([*base, "--initdb"], check=True)
    subprocess.run([*base, "-i", "--justdb", "--nodeps", "--nosignature", "--noscripts", *packages], check=True)
    return work / "root/var/lib/rpm/rpmdb.sqlite"


def wal(path, headers):
    """A database that holds one header, and a write-ahead log with the others."""
    database = sqlite3.connect(path, isolation_level=None)
    for line in ("page_size=512", "journal_mode=wal", "wal_autocheckpoint=0"):
        database.execute(f"pragma {line}")
    database.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)")
    for number, header in enumerate(headers):
        database.execute("insert into Packages(blob) values(?)", (header,))
        if number == 0:
            database.execute("pragma wal_checkpoint(truncate)")
    return database


def ndb(headers):
    """rpm, lib/backend/ndb/rpmpkg.c, with free slots between those in use."""
    slots, body, block = [b"Slot" + bytes(12)] * 254, b"", 256
    for index, header in enumerate(headers, 1):
        count = (16 + len(header) + 12 + 15) // 16
        head = b"BlbS" + struct.pack("<III", index, 1700000000, len(header))
        data = head + header + bytes(count * 16 - 28 - len(header))
        body += data + struct.pack("<II", zlib.adler32(data), len(header)) + b"BlbE"
        slots[index * 3] = b"Slot" + struct.pack("<III", index, block, count)
        block += count
    return b"RpmP" + struct.pack("<IIII", 0, 7, 1, len(headers) + 1) + bytes(12) + b"".join(slots) + body


def berkeley(path, headers, order, page):
    pack = {1234: "<I", 4321: ">I"}[order]
    lines = ["VERSION=3", "format=bytevalue", "type=hash", f"db_lorder={order}", f"db_pagesize={page}", "HEADER=END"]
    rows = [(0, struct.pack(pack, len(headers) + 1)), *enumerate(headers, 1)]
    lines += [f" {text}" for key, value in rows for text in (struct.pack(pack, key).hex(), value.hex())]
    subprocess.run(["db5.3_load", path], input="\n".join([*lines, "DATA=END"]) + "\n", text=True, check=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        path = install(work)
        database = sqlite3.connect(path)
        for line in ("pragma journal_mode=delete", "pragma page_size=1024", "vacuum"):
            database.execute(line)
        headers = [blob for (blob,) in database.execute("select blob from Packages order by hnum")]
        database.close()
        shutil.copy(path, root("alma-sqlite", "var/lib/rpm"))
        site = ROOTS / "alma-sqlite" / SITE[1:]
        site.mkdir(parents=True)
        (site / "METADATA").write_text(METADATA)
        target, source = root("alma-wal", "usr/lib/sysimage/rpm"), work / "rpmdb.sqlite"
        writer = wal(source, headers)
        for suffix in ("", "-wal"):
            shutil.copy(f"{source}{suffix}", target)
        writer.close()
        (root("alma-ndb", "usr/lib/sysimage/rpm") / "Packages.db").write_bytes(ndb(headers))
        berkeley(root("alma-bdb", "var/lib/rpm") / "Packages", headers, 1234, 1024)
        berkeley(root("alma-bdb-big", "var/lib/rpm") / "Packages", headers, 4321, 8192)


if __name__ == "__main__":
    main()
