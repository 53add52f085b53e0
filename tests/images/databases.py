"""The database through a registry: what has no signature is refused unless the policy allows it; so is what is stale, damaged or
older than what is there."""
import shutil

import records
import registries

POLICY = """apiVersion: secgate.dev/v1
kind: Policy
metadata: { name: x }
extends: ["builtin:default"]
evidence:
  advisories: { max_age: 24h, unsigned: allow }
"""


def run(checks, program, debian, work):
    with registries.Registry(work) as registry:
        host = f"localhost:{registry.port}"
        env = registries.home(program, "database", host, registries.PASSWORD)
        case = Case(program, registry, host, env, work)
        checks("db: pushed, refused without a signature, pulled by policy", case.round)
        checks("db: stale", case.stale)
        checks("db: older than what is there", case.older)
        checks("db: damaged on the way", case.damaged)
        checks("db: no database at all", case.other)


class Case:
    def __init__(self, program, registry, host, env, work):
        self.program, self.registry, self.host, self.env, self.work = program, registry, host, env, work
        self.policy = work / "unsigned.yaml"
        self.policy.write_text(POLICY)

    def db(self, verb, name, database, *more):
        words = ["db", verb, f"{self.host}/{name}", "--db", database, "--registry-ca", self.registry.authority, *more]
        return self.program.run(*words, env=self.env)

    def built(self, name, days=0):
        folder = records.write(self.work / f"osv-{name}", days)
        file = self.work / f"{name}.db"
        self.program.run("db", "build", "--from", folder, "--db", file).exits(0)
        return file

    def round(self):
        pushed = self.db("push", "db:1", self.program.database).exits(0).says("no signature")
        target = self.work / "pulled.db"
        self.db("pull", "db:1", target).exits(3).says("signature")
        assert not target.exists()
        self.db("pull", "db:1", target, "--policy", self.policy).exits(0)
        assert target.read_bytes() == self.program.database.read_bytes()
        by_digest = pushed.out.decode().strip().removeprefix(f"{self.host}/")
        self.db("pull", by_digest, self.work / "by-digest.db", "--policy", self.policy).exits(0)

    def stale(self):
        old = self.built("old", 30)
        self.db("push", "db:old", old).exits(0)
        target = self.work / "stale.db"
        self.db("pull", "db:old", target, "--policy", self.policy).exits(3).says("older")
        assert not target.exists()

    def older(self):
        before = self.work / "held.db"
        shutil.copy(self.program.database, before)
        self.built("now")
        self.db("push", "db:now", self.work / "now.db").exits(0)
        self.db("pull", "db:now", before, "--policy", self.policy).exits(0)
        held = before.read_bytes()
        run = self.db("pull", "db:1", before, "--policy", self.policy).exits(3).says("newer")
        assert before.read_bytes() == held, run.tail()
        self.db("pull", "db:1", before, "--policy", self.policy, "--replace-newer").exits(0)

    def damaged(self):
        """The registry's own file is changed: the digest is no longer that of the manifest."""
        size = self.program.database.stat().st_size
        blobs = [path for path in (self.registry.folder / "data").rglob("data") if path.stat().st_size == size]
        data = self.program.database.read_bytes()
        target = self.work / "damaged.db"
        for path in blobs:
            if path.read_bytes() == data:
                path.write_bytes(data[:-200] + bytes(200))
        self.db("pull", "db:1", target, "--policy", self.policy).exits(3)
        assert not target.exists()

    def other(self):
        self.registry.push(f"oci:{self.work / 'image'}:1", "shop:1")
        self.db("pull", "shop:1", self.work / "other.db", "--policy", self.policy).exits(3).says("no advisory database")
        self.db("pull", "nothing:1", self.work / "other.db", "--policy", self.policy).exits(3)
        self.program.run("db", "pull", f"oci:{self.work / 'image'}", "--db", self.work / "other.db").exits(2)
