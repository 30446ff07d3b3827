"""A worker spoken to directly, as its supervisor would: see massgen-ipc(7)."""

import json
import os
import pathlib
import queue
import signal
import subprocess
import threading

from harness import BUILD

WORKER = BUILD / "agent-worker"
CONFINE = BUILD / "confine"
SECONDS = 30


# A program in which every epoll_ctl(2) fails as at a user's limit: seccomp(2)
UNWATCHING = """#!/usr/bin/python3
import ctypes, os, platform, struct

NUMBER = {{"x86_64": 233, "aarch64": 21}}[platform.machine()]
ENOSPC = 28
code = b"".join(struct.pack("HBBI", *row) for row in (
    (0x20, 0, 0, 0),  # the number of the call
    (0x15, 0, 1, NUMBER),
    (0x06, 0, 0, 0x00050000 | ENOSPC),
    (0x06, 0, 0, 0x7FFF0000),  # any other one is allowed
))
text = ctypes.create_string_buffer(code)
program = struct.pack("HP", len(code) // 8, ctypes.addressof(text))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP
os.execv({worker!r}, [{worker!r}])
"""


def deny_watches():
    """From here on no worker of this test can watch a descriptor."""
    global WORKER
    path = pathlib.Path("unwatching").absolute()
    path.write_text(UNWATCHING.format(worker=str(WORKER)))
    path.chmod(0o755)
    WORKER = path


def level():
    """The sandbox of this machine; "off" where it has none.

    MASSGEN_TEST_LEVEL may name another one.
    """
    if wanted := os.environ.get("MASSGEN_TEST_LEVEL"):
        return wanted
    probe = subprocess.run(
        [CONFINE, "--probe", "--level", "auto"],
        capture_output=True,
        text=True,
    )
    return probe.stdout.strip() or "off"


def tools(**more):
    """init.tools of an agent with nothing but a workspace."""
    here = pathlib.Path.cwd()
    for name in ("workspace", "tmp"):
        (here / name).mkdir(exist_ok=True)
    return {
        "workspace": str(here / "workspace"),
        "tmp": str(here / "tmp"),
        "confine": str(CONFINE),
        "level": level(),
    } | more


def call(name, **arguments):
    """A call, for a step's list of tools."""
    return {"name": name, "arguments": arguments}


class Worker:
    """An agent that follows a script; ends with its block."""

    def __init__(self, *script, env=None, **init):
        self.log = open("worker.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=os.environ | (env or {}),
        )
        self.messages = queue.Queue()
        self.number = 0
        self.heard = []
        threading.Thread(target=self._read, daemon=True).start()
        hello = self.wait_for("hello")
        backend = {"type": "mock", "wire": "mock", "params": {}}
        self.send(
            type="init",
            version=hello["version"],
            agent="agent1",
            count=1,
            backend=backend,
            script=list(script),
            **init,
        )

    def _read(self):
        for line in self.process.stdout:
            self.messages.put(json.loads(line))
        self.messages.put({"type": "end"})

    def send(self, **message):
        """One message to the worker."""
        data = json.dumps(message).encode() + b"\n"
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_for(self, *types, seconds=SECONDS):
        """The next message of these types; all are kept in heard."""
        while True:
            message = self.messages.get(timeout=seconds)
            self.heard.append(message)
            if message["type"] in types:
                return message
            assert message["type"] not in ("end", "error"), (
                message,
                self.words(),
            )

    def think(self):
        """What there is to wait for before the script's step may go."""

    def begin(self, kind="answer", limit_ms=120000):
        """Start a turn and let the script's next step go."""
        self.number += 1
        self.send(
            type="turn",
            turn=self.number,
            kind=kind,
            text="Why?",
            answers=[],
            seen=0,
            step=self.number - 1,
            limit_ms=limit_ms,
        )
        if self.wait_for("ready", "error")["type"] == "ready":
            self.think()
            self.send(type="go", turn=self.number)

    def turn(self, **how):
        """A whole turn; returns its answer, or the error."""
        self.begin(**how)
        message = self.wait_for("answer", "error")
        if message["type"] == "error":
            return message
        self.send(
            type="verdict", turn=self.number, accepted=True, final=True
        )
        return message["text"]

    def cancel(self):
        """The turn is over."""
        self.send(type="cancel", turn=self.number)

    def tool_words(self, kind):
        """(name, text) of what was said of tools."""
        return [
            (message["name"], message.get("text"))
            for message in self.heard
            if message["type"] == "tool" and message["kind"] == kind
        ]

    def words(self):
        """What it logged."""
        return pathlib.Path("worker.log").read_text(encoding="utf-8")

    def end(self, seconds=10):
        """Close its input; returns its exit status."""
        self.process.stdin.close()
        return self.process.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            if not self.process.stdin.closed:
                self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
        self.log.close()
