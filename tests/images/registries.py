"""Debian's registry on the loopback address with TLS and passwords; and a wire that breaks."""
import base64
import json
import subprocess

import forms
import layout
import trees
import wire
from program import findings

USER, PASSWORD = "reader", "correct horse"


class Registry:
    """docker-registry with a certificate of its own authority."""

    def __init__(self, work):
        self.folder = work / "registry"
        self.folder.mkdir(exist_ok=True)
        self.certificates()
        passwords = trees.call("htpasswd", "-Bbn", USER, PASSWORD)
        (self.folder / "htpasswd").write_text(passwords)
        self.process, self.port = None, None

    def certificates(self):
        at = {"cwd": self.folder}
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        trees.call("openssl", "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA", **at)
        trees.call("openssl", "req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost", **at)
        (self.folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        trees.call(
            "openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "san", "-out", "server.pem", **at,
        )

    @property
    def authority(self):
        return self.folder / "ca.pem"

    def __enter__(self):
        # Another process may take a free port before the registry does: then the next one.
        for _ in range(5):
            self.port = wire.free_port()
            config = {
                "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}},
                "http": {
                    "addr": f"127.0.0.1:{self.port}", "secret": "test",
                    "tls": {"certificate": str(self.folder / "server.pem"), "key": str(self.folder / "server.key")},
                },
                "auth": {"htpasswd": {"realm": "test", "path": str(self.folder / "htpasswd")}},
            }
            (self.folder / "config.json").write_text(json.dumps(config))
            log = open(self.folder / "log", "ab")
            self.process = subprocess.Popen(
                ["docker-registry", "serve", str(self.folder / "config.json")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            log.close()
            if wire.answers(self.port, self.process):
                return self
        raise RuntimeError(f"docker-registry did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def push(self, source, name, *more):
        """skopeo puts an image there."""
        trees.call(
            "skopeo", "--insecure-policy", "copy", "--quiet", *more, "--dest-cert-dir", self.trusted(), f"--dest-creds={USER}:{PASSWORD}",
            source, f"docker://localhost:{self.port}/{name}",
        )

    def trusted(self):
        folder = self.folder / "trusted"
        folder.mkdir(exist_ok=True)
        (folder / "ca.crt").write_bytes(self.authority.read_bytes())
        return folder


def home(program, name, host, password):
    """A user's folder with docker's login file."""
    folder = program.work / f"home-{name}"
    (folder / ".docker").mkdir(parents=True)
    login = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / ".docker" / "config.json").write_text(json.dumps({"auths": {host: {"auth": login}}}))
    return program.environment(HOME=folder)


def run(checks, program, debian, work):
    small = layout.one(work / "small", [trees.small_debian(), debian.tars[1]])
    with Registry(work) as registry:
        wire.Proxy.folder = registry.folder
        host = f"localhost:{registry.port}"
        registry.push(f"oci:{work / 'image'}:1", "shop:1")
        registry.push(f"oci:{small.folder}:1", "small:1")
        env = home(program, "right", host, PASSWORD)
        wanted = program.report(f"oci:{work / 'image'}", "--no-gate")
        case = (program, registry, host, env)
        checks("registry: by tag and by digest", by_name, *case, wanted)
        checks("registry: who may not read gets no verdict", forbidden, *case)
        checks("registry: authority not trusted", untrusted, *case)
        checks("registry: what is not there", absent, *case)
        checks("registry: sbom", sbom, *case, wanted)
        expected = program.report(str(small), "--no-gate")
        for fault in wire.FAULTS:
            checks(f"wire: {fault}", broken, *case, expected, fault)


def trust(registry):
    return ("--registry-ca", registry.authority)


def by_name(program, registry, host, env, wanted):
    place = f"{host}/shop"
    report = program.report(f"{place}:1", "--no-gate", "--no-layer-cache", *trust(registry), env=env, plain=True)
    forms.equal(report, wanted)
    digest = report["target"]["digest"]
    again = program.report(f"{place}@{digest}", "--no-gate", *trust(registry), env=env)
    forms.equal(again, wanted)
    assert again["target"]["digest"] == digest
    by_variables = program.environment(SECGATE_REGISTRY_USERNAME=USER, SECGATE_REGISTRY_PASSWORD=PASSWORD)
    forms.equal(program.report(f"{place}:1", "--no-gate", *trust(registry), env=by_variables), wanted)


def forbidden(program, registry, host, env):
    wrong = home(program, "wrong", host, "battery staple")
    run = program.image(f"{host}/shop:1", *trust(registry), env=wrong).exits(3).says("401")
    assert "battery" not in run.err and base64.b64encode(b"reader:battery staple").decode() not in run.err
    program.image(f"{host}/shop:1", *trust(registry)).exits(3).says("hint:")
    program.image(f"{host}/shop:1", "--no-gate", *trust(registry)).exits(3)


def untrusted(program, registry, host, env):
    run = program.image(f"{host}/shop:1", env=env).exits(3).says("certificate")
    assert PASSWORD not in run.err
    program.image(f"{host}/shop:1", "--registry-ca", "nowhere.pem", env=env).exits(2).says("nowhere.pem")


def absent(program, registry, host, env):
    program.image(f"{host}/shop:2", *trust(registry), env=env).exits(3).says("shop")
    program.image(f"{host}/nothing:1", *trust(registry), env=env).exits(3).says("nothing")
    program.image(f"{host}/shop@sha256:{'0' * 64}", *trust(registry), env=env).exits(3)
    program.image(f"localhost:{wire.free_port()}/shop:1", *trust(registry), env=env).exits(3)


def sbom(program, registry, host, env, wanted):
    file = program.work / "registry.cdx.json"
    program.run(
        "sbom", f"{host}/shop:1", *trust(registry), "--layer-cache", program.cache, "--accept-gaps", "-o", f"cyclonedx-json={file}", env=env
    ).exits(0)
    found = program.run("audit", file, "--db", program.database, "--no-gate", "--format", "json").exits(0).json()
    assert findings(found) == findings(wanted)


def broken(program, registry, host, env, wanted, fault):
    """Whatever the wire does: the same findings or no verdict, and a cache that a later run can trust."""
    cache = program.work / f"cache-{fault.replace(' ', '-')}"
    with wire.Proxy(registry.port, fault) as proxy:
        env = home(program, fault, f"localhost:{proxy.port}", PASSWORD)
        words = ["image", f"localhost:{proxy.port}/small:1", "--db", program.database, "--layer-cache", cache, *trust(registry)]
        run = program.run(*words, "--format", "json", env=env, limit=60).exits(1, 3)
        if run.code == 1:
            forms.equal(run.json(), wanted)
        else:
            assert not run.out and run.err.strip(), run.tail()
        assert proxy.broke, "the fault did not happen"
        assert (run.code == 1) == wire.FAULTS[fault], f"{fault}: {run.code}\n{run.tail()}"
    words[1] = f"{host}/small:1"
    later = program.run(*words, "--format", "json", env=home(program, f"{fault} later", host, PASSWORD)).exits(1)
    forms.equal(later.json(), wanted)
