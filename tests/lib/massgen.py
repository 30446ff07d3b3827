"""Run massgen and read what it says: lines, status.json, run directory."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import threading
import time

import jsonschema
import processes
from harness import BUILD, ROOT, wait_until

MASSGEN = BUILD / "massgen"
REPLAY = BUILD / "tests" / "bin" / "replay"
SCHEMA = json.loads((ROOT / "configs/schema/status.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

SECONDS = 30
ONE_TRY = {"orchestrator": {"max_restarts_per_agent": 0}}
OUTCOMES = {
    0: "success",
    1: "config_error",
    2: "execution_error",
    3: "timeout",
    4: "interrupted",
}


def mock(*steps, **agent):
    """An agent that follows a script."""
    return agent | {"backend": {"type": "mock", "script": list(steps)}}


def agents_config(agents, **top):
    """A configuration of {id: agent}, as a dict."""
    return {"agents": [{"id": i} | a for i, a in agents.items()]} | top


def write_config(config, path="config.yaml"):
    """YAML is a superset of what json writes; returns the path."""
    text = json.dumps(config, ensure_ascii=False, indent=1)
    pathlib.Path(path).write_text(text)
    return str(path)


def schema_errors(status):
    """What in a status breaks the schema."""
    return [
        f"{error.json_path}: {error.message}"
        for error in VALIDATOR.iter_errors(status)
    ]


class Result:
    """A run that has ended."""

    def __init__(self, code, stdout, stderr):
        self.code = code
        self.stdout = stdout
        self.stderr = stderr
        self.lines = stdout.splitlines()

    def value(self, head):
        """What follows "head: " in the only line that begins so."""
        found = [
            line[len(head) + 2 :]
            for line in self.lines
            if line.startswith(head + ": ")
        ]
        assert len(found) == 1, f"{len(found)} lines {head}:\n{self}"
        return found[0]

    def values(self, head):
        """What follows "head: " in each line that begins so."""
        return [
            line[len(head) + 2 :]
            for line in self.lines
            if line.startswith(head + ": ")
        ]

    @property
    def log_dir(self):
        """The run directory, from the first line."""
        assert self.lines and self.lines[0].startswith("LOG_DIR: "), self
        return pathlib.Path(self.lines[0].removeprefix("LOG_DIR: "))

    def json(self, name):
        """A JSON file of the run directory."""
        return json.loads((self.log_dir / name).read_text())

    @property
    def status(self):
        """The last status.json."""
        return self.json("status.json")

    @property
    def manifest(self):
        """The consolidation's list of files."""
        return self.json("final_output/manifest.json")

    @property
    def events(self):
        """The journal."""
        text = (self.log_dir / "events.ndjson").read_bytes()
        return [json.loads(line) for line in text.splitlines()]

    @property
    def moves(self):
        """What decided the run, from the journal."""
        return [
            (event["type"], event["agent"], event["at_ms"])
            for event in self.events
            if event["type"] in ("answer", "vote", "refused", "winner")
        ]

    @property
    def winner(self):
        """The id that the run's lines name."""
        return self.value("Winner")

    @property
    def answer(self):
        """The final answer's bytes."""
        return pathlib.Path(self.value("Final answer")).read_bytes()

    def __str__(self):
        text = f"exit {self.code}\n--- stdout\n{self.stdout}"
        text += f"--- stderr\n{self.stderr[-4000:]}"
        try:
            log = self.log_dir / "massgen.log"
            text += f"--- massgen.log\n{log.read_text()[-6000:]}"
        except (AssertionError, OSError):
            pass
        return text


class Running:
    """A run under way; its output is read as it comes."""

    def __init__(self, command, env, cwd, **popen):
        self.env = env
        self.process = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **({"stdin": subprocess.DEVNULL} | popen),
        )
        self.pid = self.process.pid
        self._out, self._err = [], []
        self._readers = [
            threading.Thread(target=self._read, args=args, daemon=True)
            for args in (
                (self.process.stdout, self._out),
                (self.process.stderr, self._err),
            )
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(pipe, into):
        while data := pipe.read1(65536):
            into.append(data)

    @property
    def stdout(self):
        """What came so far."""
        return b"".join(self._out).decode(errors="backslashreplace")

    def wait_line(self, head, seconds=10):
        """The first line that begins with head, once it is complete."""

        def look():
            for line in self.stdout.splitlines(keepends=True):
                if line.startswith(head) and line.endswith("\n"):
                    return line.rstrip("\n")
            return None

        return wait_until(look, f"a line {head!r} in {self.stdout!r}", seconds)

    @property
    def log_dir(self):
        """The run directory, as soon as it is announced."""
        line = self.wait_line("LOG_DIR: ")
        return pathlib.Path(line.removeprefix("LOG_DIR: "))

    def status(self):
        """status.json as it is now, or None before it exists."""
        try:
            return json.loads((self.log_dir / "status.json").read_text())
        except FileNotFoundError:
            return None

    def wait_status(self, condition, what, seconds=10):
        """Poll status.json until condition(status)."""

        def look():
            status = self.status()
            return status if status and condition(status) else None

        return wait_until(look, what, seconds)

    def workers(self):
        """The living processes below the supervisor."""
        return processes.descendants(self.pid)

    def signal(self, number):
        """Send a signal to the supervisor alone."""
        os.kill(self.pid, number)

    def wait(self, seconds=SECONDS):
        """Its end, as a Result."""
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            so_far = self.stdout + (b"".join(self._err)).decode(
                errors="backslashreplace"
            )
            log = ""
            for line in self.stdout.splitlines()[:1]:
                path = pathlib.Path(line[9:]) / "massgen.log"
                log = path.read_text()[-6000:] if path.exists() else ""
            self.process.kill()
            raise AssertionError(
                f"not done after {seconds} s:\n{so_far}\n{log}"
            ) from None
        for reader in self._readers:
            reader.join(timeout=10)
        errors = b"".join(self._err).decode(errors="backslashreplace")
        return Result(code, self.stdout, errors)


def environment(**extra):
    """The test's own environment without anything that leads elsewhere."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "MASSGEN_WORKER", "MASSGEN_CONFIGS"))
        and not name.endswith("_API_KEY")
    }
    env["MASSGEN_CONFIGS"] = str(ROOT / "configs")
    env |= extra
    return {name: value for name, value in env.items() if value is not None}


def start(
    *arguments,
    config=None,
    env=None,
    cwd=None,
    prefix=(),
    worker=None,
    flags=("--automation",),
    **popen,
):
    """Start massgen --automation; config may be a path or a dict."""
    env = dict(env or {})
    if worker is not None:
        env["MASSGEN_WORKER"] = str(worker)
    if isinstance(config, dict):
        config = write_config(config)
    command = [*prefix, MASSGEN, *flags]
    if config is not None:
        command += ["--config", config]
    return Running(
        [str(word) for word in [*command, *arguments]],
        environment(**env),
        cwd,
        **popen,
    )


def run(*arguments, seconds=SECONDS, full=False, killed=0, **options):
    """A whole run; checks what holds after every run, whatever happened.

    killed: runs within it that could not clean up; massgen gc has to.
    """
    result = start(*arguments, **options).wait(seconds)
    if killed:
        collected = plain("gc", result.log_dir.parent)
        words = f"{killed} run{'s' * (killed > 1)} cleaned up"
        assert words in collected.stdout.splitlines(), collected
    assert_clean(result, full)
    return result


def plain(*arguments, stdin=subprocess.DEVNULL, env=None, cwd=None, **popen):
    """massgen with just these arguments."""
    done = subprocess.run(
        [str(MASSGEN), *(str(word) for word in arguments)],
        env=environment(**(env or {})),
        cwd=cwd,
        **({"stdin": stdin} if "input" not in popen else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=SECONDS,
        **popen,
    )
    return Result(
        done.returncode,
        done.stdout.decode(errors="backslashreplace"),
        done.stderr.decode(errors="backslashreplace"),
    )


FIXED = (
    r"LOG_DIR: /.*/log_\d{8}_\d{6}_\d{6}",
    r"Starting coordination with \d+ agents?\.\.\.",
    r"Phase: planning \(10%\)",
    r"Phase: generation \(50%\)",
    r"Phase: voting \(75%\)",
    r"Phase: presentation \(100%\)",
    r"Winner: [A-Za-z0-9._-]+",
    r"Final answer: /.*/final/[A-Za-z0-9._-]+/answer\.txt",
    r"Elapsed: \d+\.\d\d seconds",
    r"Exit code: [0-4]",
)
BETWEEN = (
    r"Agent [A-Za-z0-9._-]+: \S.*",
    r"Warning: \S.*",
    r"Error: \S.*",
)


def assert_lines(result):
    """Every line is one of the known forms, and they come in order."""
    assert "\x1b" not in result.stdout, result
    assert result.stdout.endswith("\n"), result
    assert result.stdout.isprintable() or not re.search(
        r"[^\n -~\u00a0-\U0010ffff]", result.stdout
    ), result
    at = 0
    for line in result.lines:
        assert len(line) < 1000, f"long line: {line[:200]}\n{result}"
        for n, form in enumerate(FIXED):
            if re.fullmatch(form, line):
                assert n >= at, f"out of order: {line}\n{result}"
                at = n + 1
                break
        else:
            assert any(re.fullmatch(f, line) for f in BETWEEN), (
                f"strange line: {line!r}\n{result}"
            )
    assert result.lines[0].startswith("LOG_DIR: "), result
    assert result.lines[-1].startswith("Exit code: "), result


def assert_manifest(result):
    """Each file that the manifest lists is there, as it says."""
    listed = {}

    def collect(node):
        if isinstance(node, dict):
            if "path" in node and "sha256" in node:
                listed[node["path"]] = node
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    collect(result.manifest)
    for path, entry in listed.items():
        data = (result.log_dir / path).read_bytes()
        assert entry["bytes"] == len(data), entry
        assert entry["sha256"] == hashlib.sha256(data).hexdigest(), entry
    return listed


def crc32c(data, crc=0):
    """CRC-32C (Castagnoli), the slow way."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def assert_journal(log_dir):
    """Whole lines, numbered without a gap, times that do not go back."""
    data = (log_dir / "events.ndjson").read_bytes()
    assert data.endswith(b"\n"), data[-200:]
    at = 0
    for number, line in enumerate(data.splitlines(), 1):
        event = json.loads(line)
        assert event["seq"] == number, line
        assert event["at_ms"] >= at, line
        at = event["at_ms"]
        assert isinstance(event["time"], float), line
        assert isinstance(event["type"], str), line
        assert re.fullmatch(r"[0-9a-f]{8}", event["c"]), line


def replay(log_dir):
    """The program that adds up the journal's events, when it has ended."""
    return subprocess.run(
        [REPLAY, log_dir / "events.ndjson"],
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def assert_replays(log_dir):
    """The last status.json is the journal's, byte for byte."""
    done = replay(log_dir)
    assert done.returncode == 0, done.stderr
    want = (log_dir / "status.json").read_bytes()
    assert done.stdout == want, f"{done.stdout.decode()}\n{want.decode()}"


def temporary_files(directory):
    """Files that look like a write under way."""
    return [
        str(path)
        for path in directory.rglob("*")
        if re.search(r"\.tmp|\.part|\.new|~$", path.name)
    ]


def assert_clean(result, full=False):
    """What holds at the end of every run under --automation.

    On a full disk status.json may be stale, but never so the answer.
    """
    marker = os.environ[processes.CASE_MARKER]
    left = [
        process
        for process in processes.find(processes.CASE_MARKER, marker)
        if process.pid != os.getpid() and process.group != os.getpid()
    ]
    assert not left, f"left running: {[str(p) for p in left]}\n{result}"
    assert 0 <= result.code <= 4, result
    assert_lines(result)
    assert result.lines[-1] == f"Exit code: {result.code}", result
    if not result.log_dir.is_dir():
        return
    assert not temporary_files(result.log_dir), result
    if full:
        assert result.code == 0 or result.values("Error"), result
        return
    assert_final_status(result)


def assert_final_status(result):
    """The last status.json agrees with all else that the run said."""
    status = result.status
    assert not schema_errors(status), schema_errors(status)
    meta, end = status["meta"], status["coordination"]
    assert meta["exit_code"] == result.code, meta
    assert meta["outcome"] == OUTCOMES[result.code], meta
    assert meta["log_dir"] == str(result.log_dir), meta
    assert meta["session_id"] == result.log_dir.name, meta
    assert end["completion_percentage"] == 100, end
    assert end["active_agent"] is None, end
    if result.code != 1 or (result.log_dir / "events.ndjson").exists():
        assert_journal(result.log_dir)
    if result.values("Winner"):
        assert status["results"]["winner"] == result.winner
        path = result.log_dir / "final" / result.winner / "answer.txt"
        assert result.value("Final answer") == str(path), result
        assert path.is_file(), result
        assert_manifest(result)
    else:
        assert result.code != 0, result
        assert len(result.values("Error")) == 1, result


class Watch(threading.Thread):
    """Reads status.json over and over, from its first version to its last."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.root = pathlib.Path(root)
        self.seen = []
        self.faults = []
        self.ages = []
        self.reads = 0
        self._done = threading.Event()
        self.start()

    def run(self):
        """Until stop(): one version after the other, each only once."""
        last = b""
        while not self._done.wait(0.001):
            for path in self.root.glob("log_*/status.json"):
                text = path.read_bytes()
                self.reads += 1
                if text == last:
                    continue
                last = text
                self._look(path, text)

    def _look(self, path, text):
        try:
            status = json.loads(text)
        except ValueError as error:
            self.faults.append(f"not JSON: {error}: {text[-200:]}")
            return
        self.faults += schema_errors(status)
        done = status["coordination"]["completion_percentage"] == 100
        self.faults += self._missing(path.parent, status) if done else []
        self.seen.append(status)
        if not done:
            self.ages.append(time.time() - status["meta"]["last_updated"])

    @staticmethod
    def _missing(log_dir, status):
        """What is not as it stays although the status says 100."""
        names = ["final_output/manifest.json", "events.ndjson"]
        if status["results"]["winner"] is not None:
            names.append(status["results"]["final_answer_path"])
        return [
            f"100 % without {name}"
            for name in names
            if not (log_dir / name).is_file()
        ] + [
            f"100 % with {name}"
            for name in ("run.lock", "ballast", "children", "tmp")
            if (log_dir / name).exists()
        ]

    def stop(self):
        """End reading, after one more look; returns the percentages."""
        time.sleep(0.02)
        self._done.set()
        self.join()
        assert not self.faults, self.faults[:5]
        percents = [
            s["coordination"]["completion_percentage"] for s in self.seen
        ]
        assert percents == sorted(percents), percents
        assert percents.count(100) == 1, percents
        assert percents[-1] == 100, percents
        return percents
