"""Keys, signatures and attestations of ours and of cosign's, each verified by the other. See tests/signing/check."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PASSWORD = "a password"
KINDS = ("p256", "p384", "rsa", "ed25519")
PREDICATE = "https://cosign.sigstore.dev/attestation/vuln/v1"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

passed = failed = 0


def check(name, done, expected=True):
    """Counts one case."""
    global passed, failed
    if (done.returncode == 0) == expected:
        passed += 1
        return
    failed += 1
    print(f"FAILED {name}: exit {done.returncode}\n{done.stdout[-600:]}{done.stderr[-600:]}")


def run(*words, cwd=None):
    environment = dict(os.environ, COSIGN_PASSWORD=PASSWORD, COSIGN_YES="true")
    words = [str(word) for word in words]
    return subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


class Registry:
    """docker-registry on loopback, which has no referrers API."""

    def __init__(self, work):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        config = work / "registry.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error}}\nstorage: {{inmemory: {{}}}}\nhttp: {{addr: '{self.host}'}}\n"
        )
        log = (work / "registry.log").open("w")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("docker-registry does not answer")

    def call(self, method, path, body=None, kind=None, accept="*/*"):
        url = path if path.startswith("http") else f"http://{self.host}/v2/{path}"
        request = urllib.request.Request(url, data=body, method=method)
        request.add_header("Accept", accept)
        if kind:
            request.add_header("Content-Type", kind)
        return urllib.request.urlopen(request, timeout=30)

    def blob(self, repository, content):
        place = self.call("POST", f"{repository}/blobs/uploads/", b"").headers["Location"]
        mark = "&" if "?" in place else "?"
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.call("PUT", f"{place}{mark}digest={digest}", content, "application/octet-stream")
        return {"digest": digest, "size": len(content)}

    def manifest(self, repository, reference, document):
        content = json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.call("PUT", f"{repository}/manifests/{reference or digest}", content, document["mediaType"])
        return {"mediaType": document["mediaType"], "digest": digest, "size": len(content)}

    def image(self, repository, number):
        config = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"n": str(number)}}}
        config.update(rootfs={"type": "layers", "diff_ids": []})
        descriptor = self.blob(repository, json.dumps(config).encode())
        descriptor["mediaType"] = "application/vnd.oci.image.config.v1+json"
        document = {"schemaVersion": 2, "mediaType": OCI, "config": descriptor, "layers": []}
        return self.manifest(repository, None, document)

    def attach(self, repository, image, bundle, predicate):
        """Attaches a bundle as a referrer, in the index at the fallback tag."""
        layer = {"mediaType": BUNDLE, **self.blob(repository, bundle)}
        empty = {"mediaType": "application/vnd.oci.empty.v1+json", **self.blob(repository, b"{}")}
        notes = {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": predicate,
            "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
        }
        document = {"schemaVersion": 2, "mediaType": OCI, "artifactType": BUNDLE, "config": empty}
        document.update(layers=[layer], subject=image, annotations=notes)
        entry = self.manifest(repository, None, document)
        entry.update(artifactType=BUNDLE, annotations=notes)
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        self.manifest(repository, image["digest"].replace(":", "-"), index)

    def layers(self, repository, tag):
        """Layers of an attached manifest, with their annotations."""
        accept = f"{OCI}, {INDEX}, application/vnd.docker.distribution.manifest.v2+json"
        document = json.load(self.call("GET", f"{repository}/manifests/{tag}", accept=accept))
        if "manifests" in document:
            found = []
            for entry in document["manifests"]:
                found += self.layers(repository, entry["digest"])
            return found
        found = []
        for layer in document["layers"]:
            content = self.call("GET", f"{repository}/blobs/{layer['digest']}").read()
            found.append((layer, content))
        return found


def offline(cosign):
    """How this version is told not to use the public instance."""
    words = ["--tlog-upload=false"]
    if major(cosign) >= 3:
        words.append("--use-signing-config=false")
    return words


def major(cosign):
    help_text = run(cosign, "sign", "--help")
    return 3 if "--use-signing-config" in help_text.stdout + help_text.stderr else 2


def new_form(cosign):
    """Options for bundles, which are the default of version 3."""
    return ["--new-bundle-format"] if major(cosign) == 2 else []


def read_form(cosign, root):
    """The same for verifying; version 2 would ask the public instance whom to trust."""
    return ["--new-bundle-format", "--trusted-root", root] if major(cosign) == 2 else []


class Case:
    def __init__(self, peer, cosign, kind, work, registry):
        self.peer, self.cosign, self.kind, self.work, self.registry = peer, cosign, kind, work, registry
        self.name = f"cosign {major(cosign)} {kind}"
        self.ours = (work / "ours.key", work / "ours.pub")
        self.theirs = (work / "theirs.key", work / "theirs.pub")
        # Version 3 signs with Ed25519 over SHA-512, except files, and does not verify what it signed.
        self.prehashed = kind == "ed25519" and major(cosign) >= 3
        self.root = work / "root.json"
        self.root.write_text('{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
        self.file = work / "file"
        self.file.write_bytes(b"some file\n")
        self.digest = "sha256:" + hashlib.sha256(b"some file\n").hexdigest()
        self.predicate = work / "predicate.json"
        self.predicate.write_text(json.dumps({
            "invocation": {"parameters": [], "uri": "", "event_id": "", "builder.id": ""},
            "scanner": {"uri": "", "version": "", "db": {"uri": "", "version": ""}, "result": {}},
            "metadata": {"scanStartedOn": "2026-01-01T00:00:00Z", "scanFinishedOn": "2026-01-01T00:00:00Z"},
        }))

    def keys(self):
        check(f"{self.name}: generate", run(self.peer, "generate", self.kind, PASSWORD, *self.ours))
        done = run(self.cosign, "public-key", "--key", self.ours[0])
        check(f"{self.name}: cosign opens our key", done)
        if done.returncode == 0 and done.stdout.strip() != self.ours[1].read_text().strip():
            check(f"{self.name}: cosign's public key is ours", subprocess.CompletedProcess([], 1, done.stdout, ""))
        # Theirs: generated where cosign can, which is P-256; else ours again.
        if self.kind == "p256":
            done = run(self.cosign, "generate-key-pair", "--output-key-prefix", "theirs", cwd=self.work)
            check(f"{self.name}: cosign generates", done)
        else:
            for ours, theirs in zip(self.ours, self.theirs):
                theirs.write_bytes(ours.read_bytes())

    def blobs(self):
        name, work = self.name, self.work
        bundle = work / "blob.json"
        check(f"{name}: sign-blob", run(self.peer, "sign-blob", self.ours[0], PASSWORD, self.file, bundle))
        words = ["--key", self.ours[1], "--bundle", bundle, "--insecure-ignore-tlog", *read_form(self.cosign, self.root)]
        check(f"{name}: cosign verifies our blob", run(self.cosign, "verify-blob", *words, self.file))
        theirs = work / "theirs.json"
        words = ["--key", self.theirs[0], "--bundle", theirs, *offline(self.cosign), *new_form(self.cosign)]
        check(f"{name}: cosign signs a blob", run(self.cosign, "sign-blob", *words, self.file))
        check(f"{name}: we verify its blob", run(self.peer, "verify-blob", self.theirs[1], theirs, self.file))
        other = work / "other"
        other.write_bytes(b"another file\n")
        check(f"{name}: another file", run(self.peer, "verify-blob", self.theirs[1], theirs, other), False)

    def attestations(self):
        name, work = self.name, self.work
        bundle = work / "attestation.json"
        words = [self.ours[0], PASSWORD, self.digest, "vuln", self.predicate, bundle]
        check(f"{name}: attest", run(self.peer, "attest", *words))
        words = ["--key", self.ours[1], "--bundle", bundle, "--insecure-ignore-tlog", "--type", "vuln"]
        words += [*read_form(self.cosign, self.root), self.file]
        check(f"{name}: cosign verifies our attestation", run(self.cosign, "verify-blob-attestation", *words))
        theirs = work / "their-attestation.json"
        words = ["--key", self.theirs[0], "--bundle", theirs, "--type", "vuln", "--predicate", self.predicate]
        words += [*offline(self.cosign), *new_form(self.cosign), self.file]
        check(f"{name}: cosign attests", run(self.cosign, "attest-blob", *words))
        words = [self.theirs[1], theirs, self.digest]
        check(f"{name}: we verify its attestation", run(self.peer, "verify-attestation", *words, "vuln"), not self.prehashed)
        check(f"{name}: of another type", run(self.peer, "verify-attestation", *words, "custom"), False)
        check(f"{name}: as a signature", run(self.peer, "verify", *words), False)

    def images(self, number):
        name, work, registry, cosign = self.name, self.work, self.registry, self.cosign
        repository = f"app-{major(cosign)}-{self.kind}"
        whole = f"{registry.host}/{repository}"
        ignore = ["--insecure-ignore-tlog", "--allow-http-registry"]
        # cosign's first form, theirs to us.
        image = registry.image(repository, number)
        reference = f"{whole}@{image['digest']}"
        words = ["--key", self.theirs[0], *offline(cosign), "--allow-http-registry"]
        if major(cosign) >= 3:
            words.append("--new-bundle-format=false")
        check(f"{name}: cosign signs an image", run(cosign, "sign", *words, reference))
        payload, signature = work / "payload", work / "signature"
        tag = image["digest"].replace(":", "-") + ".sig"
        try:
            [(layer, content)] = registry.layers(repository, tag)
            payload.write_bytes(content)
            signature.write_text(layer["annotations"]["dev.cosignproject.cosign/signature"])
        except (urllib.error.HTTPError, ValueError) as error:
            check(f"{name}: the signature's layer", subprocess.CompletedProcess([], 1, str(error), ""))
        words = [self.theirs[1], payload, signature]
        check(f"{name}: we verify its signature", run(self.peer, "verify-legacy", *words, whole, image["digest"]), not self.prehashed)
        check(f"{name}: of another repository", run(self.peer, "verify-legacy", *words, f"{whole}x", image["digest"]), False)
        # The bytes of the payload are cosign's own.
        ours = work / "our-payload"
        words = [self.theirs[0], PASSWORD, whole, image["digest"], ours, work / "our-signature"]
        check(f"{name}: sign-legacy", run(self.peer, "sign-legacy", *words))
        same = 0 if ours.read_bytes() == payload.read_bytes() else 1
        check(f"{name}: the payload's bytes", subprocess.CompletedProcess([], same, ours.read_text(), payload.read_text()))
        # Ours to them.
        image = registry.image(repository, number + 1000)
        reference = f"{whole}@{image['digest']}"
        words = [self.ours[0], PASSWORD, whole, image["digest"], ours, work / "our-signature"]
        check(f"{name}: sign-legacy", run(self.peer, "sign-legacy", *words))
        words = ["--payload", ours, "--signature", work / "our-signature", "--allow-http-registry", reference]
        check(f"{name}: cosign attaches our signature", run(cosign, "attach", "signature", *words))
        words = ["--key", self.ours[1], *ignore]
        if major(cosign) >= 3:
            words.append("--new-bundle-format=false")
        check(f"{name}: cosign verifies our signature", run(cosign, "verify", *words, reference))
        # Bundles as referrers, which version 3 reads and writes by itself.
        if major(cosign) >= 3:
            image = registry.image(repository, number + 2000)
            reference = f"{whole}@{image['digest']}"
            bundle = work / "signature.json"
            check(f"{name}: sign", run(self.peer, "sign", self.ours[0], PASSWORD, image["digest"], bundle))
            registry.attach(repository, image, bundle.read_bytes(), "https://sigstore.dev/cosign/sign/v1")
            check(f"{name}: cosign verifies our bundle", run(cosign, "verify", "--key", self.ours[1], *ignore, reference))
            image = registry.image(repository, number + 3000)
            reference = f"{whole}@{image['digest']}"
            words = ["--key", self.theirs[0], *offline(cosign), "--allow-http-registry"]
            check(f"{name}: cosign signs with a bundle", run(cosign, "sign", *words, reference))
            try:
                [(_, content)] = registry.layers(repository, image["digest"].replace(":", "-"))
                bundle.write_bytes(content)
            except (urllib.error.HTTPError, ValueError) as error:
                check(f"{name}: the bundle's layer", subprocess.CompletedProcess([], 1, str(error), ""))
            check(f"{name}: we verify its bundle", run(self.peer, "verify", self.theirs[1], bundle, image["digest"]), not self.prehashed)


def main():
    peer, work = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    registry = Registry(work)
    try:
        for number, cosign in enumerate(sys.argv[3:]):
            for kind in KINDS:
                folder = work / f"{number}-{kind}"
                folder.mkdir()
                case = Case(peer, Path(cosign).resolve(), kind, folder, registry)
                case.keys()
                case.blobs()
                case.attestations()
                case.images(number * 10 + KINDS.index(kind))
    finally:
        registry.process.terminate()
        registry.process.wait(timeout=20)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
