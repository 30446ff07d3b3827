"""Find and end the processes a test has started, whoever adopted them.

A process belongs to a test if the test's marker is in its environment, or if
it is in the test's session or process group: that still holds where the
environment cannot be read because the process made itself undumpable.
"""

import dataclasses
import os
import pathlib
import signal
import time

FILE_MARKER = "MASSGEN_TEST_RUN"
CASE_MARKER = "MASSGEN_TEST_CASE"

PF_EXITING = 4  # linux/sched.h: it runs nothing of its own any more


@dataclasses.dataclass
class Process:
    """One line of /proc."""

    pid: int
    parent: int
    group: int
    session: int
    state: str
    command: str

    def __str__(self):
        return (
            f"{self.pid} (parent {self.parent}, group {self.group}, "
            f"{self.state}) {self.command}"
        )


def _read(pid):
    directory = pathlib.Path("/proc") / str(pid)
    stat = (directory / "stat").read_text(errors="replace")
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    words = stat[stat.rindex(")") + 2 :].split()
    state, parent, group, session = words[:4]
    if int(words[6]) & PF_EXITING:
        state = "X"
    command = (directory / "cmdline").read_bytes().replace(b"\0", b" ")
    return Process(
        pid,
        int(parent),
        int(group),
        int(session),
        state,
        command.decode(errors="replace").strip() or f"[{name}]",
    )


def _environ(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except PermissionError:
        return []


def find(variable, marker, session=None, group=None):
    """The living processes of a test, the caller aside; zombies are dead."""
    wanted = f"{variable}={marker}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            process = _read(int(name))
            if process.state in "ZX":
                continue
            if (
                process.session == session
                or process.group == group
                or wanted in _environ(int(name))
            ):
                found.append(process)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def end(variable, marker, session=None, group=None):
    """Kill what find() finds until nothing is left."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = find(variable, marker, session, group)
        if not left:
            return
        for process in left:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


def descendants(pid):
    """Every living process below pid, found by walking parents."""
    children = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            process = _read(int(name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if process.state not in "ZX":
            children.setdefault(process.parent, []).append(process)
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child.pid)
    return found
