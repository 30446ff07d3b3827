"""Tests of the program as its users see it.

A file of tests defines functions test_NAME() and ends with harness.main().
Each function runs in a process and a directory of its own, with plain
asserts; results are reported in TAP.  What a test leaves running or outside
of its directory makes it fail.
"""

import contextlib
import faulthandler
import inspect
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback
import uuid

import processes

BUILD = pathlib.Path(
    os.environ.get(
        "MASSGEN_BUILD", pathlib.Path(__file__).parent.parent.parent / "build"
    )
).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MASSGEN = BUILD / "massgen"
SANITIZED = MASSGEN.exists() and b"__asan_init" in MASSGEN.read_bytes()
FAKE_WORKER = BUILD / "tests" / "bin" / "fake-worker"

AT_ONCE = 3
TEST_SECONDS = 60
SKIPPED = 77


class Skip(Exception):
    """This test cannot run here; the text says why."""


def wait_until(condition, what, seconds=10):
    """Poll until condition() is true; returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)


def limit(seconds):
    """Decorator: this test may take longer (or less) than most."""

    def mark(function):
        function.seconds = seconds
        return function

    return mark


class _Case:
    """One test function in a process of its own."""

    def __init__(self, name, function):
        self.name = name
        self.marker = str(uuid.uuid4())
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="case-"))
        self.log = tempfile.TemporaryFile()
        seconds = getattr(function, "seconds", TEST_SECONDS)
        self.deadline = time.monotonic() + seconds
        self.started = time.monotonic()
        self.late = False
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(function)

    def _run(self, function):
        status = 1
        try:
            os.setpgid(0, 0)
            os.environ[processes.CASE_MARKER] = self.marker
            os.chdir(self.directory)
            os.dup2(self.log.fileno(), 1)
            os.dup2(self.log.fileno(), 2)
            faulthandler.register(signal.SIGTERM)
            function()
            status = 0
        except Skip as reason:
            print(reason)
            status = SKIPPED
        except BaseException:  # noqa: B902 - the report of a test
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def poll(self):
        """Returns the exit status once the process has ended."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid != 0:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() < self.deadline:
            return None
        self.late = True
        os.kill(self.pid, signal.SIGTERM)  # shows where it is
        time.sleep(0.2)
        os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def finish(self, status):
        """Clean up behind the test; returns (status, text)."""
        whose = (processes.CASE_MARKER, self.marker, None, self.pid)
        left = processes.find(*whose)
        processes.end(*whose)
        self.log.seek(0)
        text = self.log.read().decode(errors="backslashreplace")
        if self.late:
            text += "out of time\n"
        if left and not self.late:
            text += "".join(f"process left: {one}\n" for one in left)
            status = status or 1
        if status in (0, SKIPPED) or "MASSGEN_TEST_KEEP" not in os.environ:
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            text += f"kept: {self.directory}\n"
        return status, text


def _collect():
    module = sys.modules["__main__"]
    tests = [
        (name.removeprefix("test_"), value)
        for name, value in vars(module).items()
        if name.startswith("test_") and inspect.isfunction(value)
    ]
    wanted = sys.argv[1:]
    return [t for t in tests if not wanted or t[0] in wanted]


def _report(number, case, status, text):
    seconds = time.monotonic() - case.started
    if status == SKIPPED:
        print(f"ok {number} - {case.name} # SKIP {text.strip()}")
        return
    if status != 0:
        for line in text.splitlines():
            print(f"# {line}")
    print(f"{'' if status == 0 else 'not '}ok {number} - {case.name}")
    if seconds > 5:
        print(f"# {case.name}: {seconds:.1f} s")


def main(at_once=AT_ONCE):
    """Run the tests of the calling file and exit."""
    todo = _collect()
    running, number, failed = [], 0, 0
    while todo or running:
        while todo and len(running) < at_once:
            running.append(_Case(*todo.pop(0)))
        for case in list(running):
            status = case.poll()
            if status is None:
                continue
            running.remove(case)
            status, text = case.finish(status)
            number += 1
            failed += status not in (0, SKIPPED)
            _report(number, case, status, text)
            sys.stdout.flush()
        time.sleep(0.005)
    print(f"1..{number}")
    sys.exit(1 if failed else 0)
