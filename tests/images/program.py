"""The program as a user runs it, and the list of what was checked."""
import json
import os
import pathlib
import resource
import subprocess
import time
import traceback


class Run:
    """What a program left."""

    def __init__(self, line, code, out, err, seconds, peak):
        self.line, self.code, self.out, self.err = line, code, out, err
        self.seconds, self.peak = seconds, peak

    def exits(self, *codes):
        assert self.code in codes, f"`{self.line}` ended with {self.code}, not {codes}\n{self.tail()}"
        return self

    def says(self, *texts):
        both = " ".join((self.out.decode(errors="replace") + " " + self.err).split())
        for text in texts:
            assert text in both, f"`{self.line}` does not say `{text}`\n{self.tail()}"
        return self

    def json(self):
        return json.loads(self.out)

    def tail(self):
        return f"--- stdout\n{self.out[:700].decode(errors='replace')}\n--- stderr\n{self.err[-1500:]}"


class Program:
    """secgate with a home of its own and nothing inherited but PATH."""

    def __init__(self, binary, work):
        self.binary, self.work = str(binary), pathlib.Path(work)
        self.home = self.work / "home"
        self.home.mkdir()
        self.cache = self.work / "layers"
        self.database = self.work / "advisories.db"

    def environment(self, **more):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_CACHE_HOME": str(self.work / "cache")}
        env.update({name: str(value) for name, value in more.items()})
        return env

    def start(self, *args, env=None):
        return subprocess.Popen(
            [self.binary, *map(str, args)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=env or self.environment(), cwd=self.work,
        )

    def run(self, *args, env=None, limit=120, memory=None):
        """Runs it; a panic, a signal or running too long fails. `memory` is the peak in MiB that is allowed."""
        line = " ".join(map(str, args))
        before = time.monotonic()
        errors = self.work / "stderr"
        with open(errors, "wb") as err:
            child = subprocess.Popen(
                [self.binary, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=err, env=env or self.environment(), cwd=self.work,
            )
            try:
                out = child.communicate(timeout=limit)[0]
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                raise AssertionError(f"`{line}` did not end within {limit} s") from None
        run = Run(line, child.returncode, out, errors.read_text(errors="replace"), time.monotonic() - before, None)
        assert run.code >= 0 and "panicked at" not in run.err, f"`{line}` broke: {run.code}\n{run.tail()}"
        return run

    def measured(self, *args, limit=60):
        """Like `run`, with the peak memory in MiB: a process of its own counts its only child."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            try:
                run = self.run(*args, limit=limit)
                peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
                told = json.dumps([run.code, run.out.decode(errors="replace"), run.err, run.seconds, peak])
            except AssertionError as error:
                told = json.dumps(str(error))
            with os.fdopen(write, "w") as pipe:
                pipe.write(told)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            told = json.loads(pipe.read())
        os.waitpid(child, 0)
        assert not isinstance(told, str), told
        code, out, err, seconds, peak = told
        return Run(" ".join(map(str, args)), code, out.encode(), err, seconds, peak)

    def image(self, reference, *args, plain=False, **options):
        """Scans an image with the database and, unless `plain`, the layer cache of this run."""
        cache = () if plain else ("--layer-cache", self.cache)
        return self.run("image", reference, "--db", self.database, *cache, *args, **options)

    def report(self, reference, *args, **options):
        """The report of an image, whatever the verdict."""
        return self.image(reference, "--format", "json", *args, **options).exits(0, 1, 3).json()


class Checks:
    """Runs checks one after the other, and counts."""

    def __init__(self, chosen):
        self.chosen, self.passed, self.failed = chosen, 0, 0

    def __call__(self, name, check, *args):
        if self.chosen and self.chosen not in name:
            return
        before = time.monotonic()
        try:
            check(*args)
        except Exception as error:  # every fault of a check is one line of the list
            self.failed += 1
            print(f"FAILED {name}: {error if isinstance(error, AssertionError) else traceback.format_exc()}", flush=True)
            return
        self.passed += 1
        print(f"ok {name} ({time.monotonic() - before:.1f} s)", flush=True)


def same(what, found, wanted):
    """Two sets are equal; otherwise says what is missing and what is too much."""
    found, wanted = set(found), set(wanted)
    missing, extra = sorted(wanted - found, key=str), sorted(found - wanted, key=str)
    assert not missing and not extra, f"{what}: missing {missing[:8]} ({len(missing)}), too much {extra[:8]} ({len(extra)})"
    assert wanted, f"{what}: nothing to compare"


def findings(report):
    """What is wrong, without where: (rule, component). A component is a whole purl with its version."""
    return sorted((one["rule"], one["component"]) for one in report["findings"] if one["component"])
