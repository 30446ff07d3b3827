#!/usr/bin/python3
"""Keys stay where they belong: many runs with planted ones, all searched.

What a run is made of is drawn at random; MASSGEN_TEST_SEED repeats a draw.
"""

import base64
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import re
import resource
import signal
import string
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import processes  # noqa: E402
import responses  # noqa: E402
from massgen import ONE_TRY, agents_config  # noqa: E402

AT_ONCE = 4
NO_RIGHTS = (
    ("setpriv", "--inh-caps=-all", "--bounding-set=-all")
    if os.geteuid() == 0
    else ()
)
UNLIMITED = resource.RLIM_INFINITY
SEED = int(os.environ.get("MASSGEN_TEST_SEED", random.randrange(10**9)))
VARIABLES = (
    "ANTHROPIC_API_KEY",
    "GOOGLE_API_KEY",
    "GROQ_API_KEY",
    "OPENAI_API_KEY",
    "XAI_API_KEY",
)
OWN = "${MY_OWN}"
STEPS = (
    {"answer": "It is mine."},
    {"fault": "crash", "signal": "SEGV"},
    {"fault": "crash", "signal": "ABRT"},
    {"fault": "garbage"},
    {"error": "no luck"},
)
FREE = {"prices": {"command": {"input": 0, "output": 0}}}


def make_key(draw):
    """Some have bytes that base64, URLs or JSON write in other ways."""
    letters = string.ascii_letters + string.digits
    letters += draw.choice(("", "-_", "-_", "/+=", "/+=%~\"\\"))
    length = draw.randrange(20, 90)
    return "sk-" + "".join(draw.choice(letters) for _ in range(length))


def base64_of(data, alphabet):
    """What stands for data alone in base64 of a text that holds it."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data, alphabet)
        yield text[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]


def forms(key):
    """All ways to write a key that are searched for."""
    data = key.encode()
    quoted = urllib.parse.quote(key, safe="")
    inside = json.dumps(key)[1:-1]
    return {
        data,
        *base64_of(data, b"+/"),
        *base64_of(data, b"-_"),
        data.hex().encode(),
        data.hex().upper().encode(),
        quoted.encode(),
        re.sub("%..", lambda m: m[0].lower(), quoted).encode(),
        inside.encode(),
        inside.replace("/", "\\/").encode(),
    }


class Watch:
    """Looks at all processes below this one until the block ends."""

    def __init__(self):
        self.wanted = {}  # form: which key it is of
        self.found = []
        self.seen = 0  # environments that could be read
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def look(self, pid, name):
        """One file of a process; returns what is in it."""
        try:
            data = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
        except (OSError, ProcessLookupError):
            return b""
        for form, key in list(self.wanted.items()):
            if form in data:
                self.found.append(f"{name} of {pid} has {key}: {form}")
        return data

    def run(self):
        """The supervisor has the keys in its environment, by our doing, and
        so have its children until they become another program.
        """
        own = bytes(massgen.MASSGEN)
        while not self.over.is_set():
            for one in processes.descendants(os.getpid()):
                words = self.look(one.pid, "cmdline").split(b"\0")
                if own not in words and one.parent != os.getpid():
                    self.seen += self.look(one.pid, "environ") != b""
            time.sleep(0.005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def search(directory, wanted):
    """Where in the files of a run a key stands."""
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            data = os.readlink(path).encode()
        elif path.is_file() and path.name != "config.yaml":
            data = path.read_bytes()
        else:
            continue
        for form, key in wanted.items():
            if form in data or form in bytes(path):
                yield f"{path}: {key} as {form}"


def one_run(number, watch, make):
    """A run in a directory of its own; returns what is wrong with it."""
    draw = random.Random(f"{SEED} {number}")
    directory = pathlib.Path(f"run{number}").absolute()
    (directory / "tmp").mkdir(parents=True)
    keys = {name: make_key(draw) for name in VARIABLES}
    config, arguments, options = make(draw, keys)
    path = massgen.write_config(config, directory / "config.yaml")
    if OWN in (directory / "config.yaml").read_text():
        keys["MY_OWN"] = make_key(draw)
    wanted = {
        form: name for name, key in keys.items() for form in forms(key)
    }
    watch.wanted.update(wanted)
    going = massgen.start(
        *arguments,
        *draw.choice(((), ("--debug",), ("--log-root", "logs"))),
        "Who has the key?",
        flags=draw.choice((("--automation",), ("--json",))),
        config=path,
        cwd=directory,
        env=keys | {"TMPDIR": str(directory / "tmp")},
        preexec_fn=allow_core,
        **options,
    )
    result = going.wait()
    found = list(search(directory, wanted))
    said = (result.stdout + result.stderr).encode()
    found += [f"said: {k} as {f}" for f, k in wanted.items() if f in said]
    if result.code not in (0, 2):
        found.append(str(result)[:2000])
    if not list(directory.rglob("status.json")):
        found.append(f"no run directory: {result}")
    for form in wanted:
        del watch.wanted[form]
    return [f"seed {SEED}, run {number}: {what}" for what in found]


def allow_core():
    """A process that dies may leave a core."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def died(directory, keys, victim, number):
    """A run whose victim, "worker" or "supervisor", is ended by a signal that
    leaves cores, although its own limit was lifted where that is permitted.
    """
    directory.mkdir()
    with llm.Server() as server:
        agent = llm.agent(server, "stall-headers")
        config = agents_config({"a": agent}, **ONE_TRY)
        path = massgen.write_config(config, directory / "config.yaml")
        going = massgen.start(
            *("--log-root", "logs", "Who has the key?"),
            config=path,
            cwd=directory,
            env=keys,
            preexec_fn=allow_core,
            prefix=NO_RIGHTS,
        )
        server.requests(wait=1)
        worker = going.status()["agents"]["a"]["pid"]
        pid = {"worker": worker, "supervisor": going.pid}[victim]
        cwd = os.readlink(f"/proc/{pid}/cwd")
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert not may_look_into(pid), f"{victim} in {directory}"
        with contextlib.suppress(PermissionError):
            resource.prlimit(pid, resource.RLIMIT_CORE, (UNLIMITED,) * 2)
        os.kill(pid, number)
        result = going.wait()
    assert re.search("^Max core file size +0 +0 ", limits, re.M), limits
    assert cwd == str(directory), cwd
    # a sanitizer has words of its own for some signals
    ended = -number if "Sanitizer" not in result.stderr else 1
    assert result.code == (2 if victim == "worker" else ended), result
    harness.wait_until(lambda: not alive(worker), "the worker's end")


def may_look_into(pid):
    """Whether a process of the same user, without any rights, may."""
    environment = f"/proc/{pid}/environ"
    done = subprocess.run(
        [*NO_RIGHTS, "cat", environment], capture_output=True, check=False
    )
    return done.returncode == 0


def alive(pid):
    """Whether there is such a process, and it has not died."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat[stat.rindex(")") + 2] not in "ZX"


def test_the_dead_leave_no_key_behind():
    keys = {"GROQ_API_KEY": make_key(random.Random(SEED))}
    wanted = {f: k for k, key in keys.items() for f in forms(key)}
    for victim in ("worker", "supervisor"):
        for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT):
            directory = pathlib.Path(f"{victim}-{number}").absolute()
            died(directory, keys, victim, number)
            found = list(search(directory, wanted))
            assert not found, found


def test_others_can_be_looked_into():
    """The one above can fail."""
    with subprocess.Popen(
        [*NO_RIGHTS, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdin.write(b"x")
        other.stdin.flush()
        other.stdout.read(1)
        assert may_look_into(other.pid)
        other.stdin.close()


def test_a_core_would_be_found():
    """It can, where cores become files."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
    if pattern.startswith("|") or "/" in pattern:
        return
    keys = {"GROQ_API_KEY": make_key(random.Random(SEED))}
    subprocess.run(
        [sys.executable, "-c", "import os; os.abort()"],
        env=os.environ | keys,
        preexec_fn=allow_core,
        check=False,
    )
    wanted = {f: k for k, key in keys.items() for f in forms(key)}
    assert list(search(pathlib.Path(), wanted)), list(pathlib.Path().iterdir())


def runs(name, count, make):
    """So many runs, some at once, none of which gives anything away; and
    more, should the watch have come too late for all of them."""
    found = []
    with Watch() as watch, concurrent.futures.ThreadPoolExecutor(
        AT_ONCE
    ) as pool:
        for start in range(0, 5 * count, count):
            numbers = range(start, start + count)
            for one in pool.map(
                lambda n: one_run(f"{name}{n}", watch, make), numbers
            ):
                found += one
            if found or watch.seen:
                break
    assert not found and not watch.found, "\n".join(found + watch.found)[:9000]
    assert watch.seen > 0, "no worker was ever looked at"


def some(draw, make, most=3):
    """One agent or more, all drawn."""
    return {f"a{n}": make() for n in range(draw.randrange(1, most + 1))}


def test_workers_that_tell():
    modes = (
        "key_on_stderr",
        "key_in_pieces",
        "key_in_escapes",
        "tell",
        "tell",
        "error_tells",
        "good",
        "segv",
        "garbage",
    )

    def make(draw, keys):
        def agent():
            key = keys["GROQ_API_KEY"]
            words = [w.decode() for w in sorted(forms(key))]
            before = draw.choice(("", "x", "xx"))
            text = before + draw.choice(words)
            return {
                "backend": {"type": "groq", "model": "m"},
                "system_message": f"{draw.choice(modes)} {text}",
            }

        config = agents_config(some(draw, agent), **ONE_TRY)
        return config, (), {"worker": harness.FAKE_WORKER}

    runs("worker", 60, make)


def test_chat():
    modes = """ok echo-key echo-coded-key say-key say-key+events-40
        say-key+think say-key+reasoning say-key+escapes say-key+events-200
        say-key+refuse-stream say-key+no-usage quota 403 redirect no-ids
        bad-json-args whole-call 500-then-ok cut-then-ok""".split()

    with llm.Server() as server:

        def make(draw, keys):
            del keys

            def agent():
                own = {"api_key": OWN}
                return llm.agent(
                    server, draw.choice(modes), **draw.choice(({}, own))
                )

            return agents_config(some(draw, agent), **ONE_TRY), (), {}

        runs("chat", 50, make)


def test_other_formats():
    with (
        responses.Server() as openai,
        llm.Claude() as claude,
        llm.Gemini() as gemini,
    ):

        def make(draw, keys):
            del keys

            def agent():
                return draw.choice(
                    (
                        llm.agent(openai, "gpt-4o", kind="openai"),
                        llm.agent(openai, "gpt-4o+quota", kind="openai"),
                        llm.agent(claude, "claude-x", kind="claude"),
                        llm.agent(claude, "claude-x+loop", kind="claude"),
                        llm.agent(claude, "claude-x+401", kind="claude"),
                        llm.agent(gemini, "gemini-3-pro", kind="gemini"),
                        llm.agent(gemini, "gemini-3-x+blocked", kind="gemini"),
                    )
                )

            return agents_config(some(draw, agent), **ONE_TRY), (), {}

        runs("other", 30, make)


def test_mock_agents():
    def make(draw, keys):
        del keys

        def agent():
            return {"backend": {"type": "groq", "model": "m"}}

        agents = some(draw, agent)
        slow = {"delay_ms": 40}
        steps = {i: [draw.choice(STEPS) | slow] for i in agents}
        config = agents_config(agents, dry_run=steps, **ONE_TRY)
        return config, ("--dry-run",), {}

    runs("mock", 40, make)


TELLER = """#!/usr/bin/python3
import json, sys

def say(**message):
    print(json.dumps(message), flush=True)

say(type="hello", version=1, name="teller", undumpable=True)
answered = turn = seen = 0
for line in sys.stdin:
    m = json.loads(line)
    seen = m.get("seen", seen)
    turn = m.get("turn", turn)
    done = {"turn": turn, "seen": seen}
    if m["type"] == "init":
        me, key = m["agent"], m["key"]
    elif m["type"] == "verdict" and not m["accepted"]:
        say(type="vote", agent=me, text="it is good", **done)
    elif m["type"] != "turn":
        continue
    elif m["kind"] == "present":
        again = {"reason": "no " + key, "instructions": "use " + key}
        first = m.get("attempt", 1) == 1 and "evaluate" in m
        say(type="answer", text="final", **done,
            **({"restart": again} if first else {}))
    elif answered < m.get("attempt", 1):
        answered = m.get("attempt", 1)
        say(type="answer", text=f"{me}, number {answered}", **done)
    else:
        say(type="vote", agent=me, text="it is good", **done)
"""


def test_a_worker_that_wants_another_attempt():
    """What it gives as its reason goes to the other agents too."""
    worker = pathlib.Path("teller").absolute()
    worker.write_text(TELLER)
    worker.chmod(0o755)
    key = make_key(random.Random(SEED))
    agents = {i: {"backend": {"type": "groq", "model": "m"}} for i in "ab"}
    config = agents_config(agents, orchestrator={
        "coordination": {"max_orchestration_restarts": 1}})
    result = massgen.run("Q", config=config, worker=worker,
                         env={"GROQ_API_KEY": key})
    assert result.code == 0, result
    (again,) = [e for e in result.events if e["type"] == "restart"]
    assert again["instructions"] == "use " + "*" * len(key), again
    said = (result.stdout + result.stderr).encode()
    wanted = {form: "the key" for form in forms(key)}
    assert not [form for form in wanted if form in said], result
    found = list(search(result.log_dir, wanted))
    assert not found, found


def test_programs():
    """A program has the environment that it is given, and no key in it."""
    program = {
        "type": "command",
        "command": [str(harness.ROOT / "tests/bin/fake-agent"), "env"],
    }

    def make(draw, keys):
        del keys

        def agent():
            return {"backend": program}

        return agents_config(some(draw, agent, 1), **ONE_TRY, **FREE), (), {}

    runs("program", 20, make)


if __name__ == "__main__":
    harness.main()
