"""Commands of an agent, by way of a worker of their own.

A step is a list of calls, (name, {arguments}); the answer of its turn is the
last call's result, whole.
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import processes
import worker

LEVELS = ("bwrap", "landlock", "off")

# Twelve processes that hold on to life in every way a shell knows.
TREE = """
sleep 1000 &
setsid sleep 1000 &
(sleep 1000 &)
(setsid sh -c 'sleep 1000 & exec sleep 1000' &)
nohup sleep 1000 >/dev/null 2>&1 &
sh -c 'trap "" TERM HUP INT; sleep 1000; sleep 1000' &
setsid sh -c 'kill -STOP $$; exec sleep 1000' &
sh -c 'sleep 1000 & trap "" TERM; wait' &
echo up
trap '' TERM
sleep 1000
sleep 1000
"""
TREE_SIZE = 12


def works(level):
    """Whether that level can be reached here."""
    done = subprocess.run(
        [worker.CONFINE, "--probe", "--level", level],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=worker.SECONDS,
        check=False,
    )
    return done.returncode == 0 and done.stdout.decode().strip() == level


def levels():
    """Those that can be reached here."""
    return [level for level in LEVELS if works(level)]


class Shells(worker.Worker):
    """A worker whose agent has a command line."""

    def __init__(self, *steps, presents=(), level="off", env=None, tool_env=None, **more):
        self.leaves_with = 0
        command_line = more.pop("command_line", {})
        self.ahead = more.pop("ahead", command_line.get("mode") != "docker")
        self.root = pathlib.Path(tempfile.mkdtemp(dir=os.getcwd()))
        self.workspace = self.root / "workspace"
        for name in ("workspace", "tmp", "snapshots"):
            (self.root / name).mkdir()
        case = os.environ[processes.CASE_MARKER]
        marks = {processes.CASE_MARKER: case, "MARKER": self.root.name}
        tools = {
            "workspace": str(self.workspace),
            "tmp": str(self.root / "tmp"),
            "snapshots": str(self.root / "snapshots"),
            "confine": str(worker.CONFINE),
            "level": level,
            "env": marks | (tool_env or {}),
            "command_line": command_line,
        } | more
        super().__init__(
            *(
                {
                    "tools": [worker.call(n, **a) for n, a in calls],
                    name: "{{result}}",
                }
                for name, calls in (
                    *(("answer", calls) for calls in steps),
                    *(("present", calls) for calls in presents),
                )
            ),
            env=env,
            tools=tools,
        )

    def turn(self, **how):
        """A whole turn; returns its last call's result."""
        text = super().turn(**how)
        assert isinstance(text, str), text
        return json.loads(text)

    def results(self):
        """What the supervisor was told of each call's result."""
        told = [
            m["text"]
            for m in self.heard
            if m["type"] == "tool" and m["kind"] in ("result", "error")
        ]
        return [json.loads(text) for text in told]

    def _find(self):
        return processes.find("MARKER", self.root.name)

    def waiting(self):
        """The walls that were made ahead, and those made so."""
        return [p for p in self._find() if " --command " in p.command]

    def think(self):
        """Every other turn, until there are walls for its command."""
        deadline = time.monotonic() + worker.SECONDS
        while self.ahead and self.number % 2 == 1 and not self.waiting():
            assert time.monotonic() < deadline, "no walls are made ahead"
            time.sleep(0.002)

    def alive(self):
        """The tools' living processes; all of them, if it is dead."""
        found = self._find()
        if self.process.poll() is not None:
            return found
        return [p for p in found if " --command " not in p.command]

    def await_none(self, seconds=5):
        """Until nothing of its tools is left."""
        deadline = time.monotonic() + seconds
        while left := self.alive():
            assert time.monotonic() < deadline, [str(p) for p in left]
            time.sleep(0.05)

    def kill(self):
        """End the worker as a crash would."""
        self.process.kill()
        self.process.wait()
        self.leaves_with = -signal.SIGKILL

    def __exit__(self, kind, *details):
        super().__exit__(kind, *details)
        if kind is None:
            code = self.process.returncode
            assert code == self.leaves_with, (code, self.words())


def execute(command, level="off", setup=None, tool_env=None, env=None, **more):
    """The result of one execute_command, in a worker of its own.

    What is not a tool's setting is an argument of the call.
    """
    arguments = {"command": command}
    for name in ("timeout", "work_dir", "run_in_background"):
        if name in more:
            arguments[name] = more.pop(name)
    with Shells(
        [("execute_command", arguments)],
        level=level,
        tool_env=tool_env,
        env=env,
        **more,
    ) as shells:
        if setup is not None:
            setup(shells)
        return shells.turn()


def commander(*calls, **backend):
    """An agent that makes these calls, and answers with the last output."""
    tools = [{"name": name, "arguments": a} for name, a in calls]
    script = [{"tools": tools, "answer": "It is {{stdout}}"}]
    return {
        "backend": {
            "type": "mock",
            "script": script,
            "enable_mcp_command_line": True,
        }
        | backend
    }
