#!/usr/bin/python3
"""What a command starts ends with it, its turn, its agent and its run."""

import concurrent.futures
import contextlib
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
import processes  # noqa: E402
import shells  # noqa: E402
import worker as worker_lib  # noqa: E402
from harness import Skip, limit, wait_until  # noqa: E402
from massgen import agents_config  # noqa: E402
from shells import TREE, TREE_SIZE, Shells, commander  # noqa: E402


def test_what_is_left_running_ends_with_the_command():
    left = "sleep 1000 & (setsid sh -c 'trap \"\" TERM; sleep 1000' &); echo x"
    for level in shells.levels():
        with Shells(
            [("execute_command", {"command": left})], level=level
        ) as worker:
            result = worker.turn()
            assert result["success"], result
            assert result["stdout"] == "x\n", result
            assert not worker.alive(), worker.alive()
        # nobody waited for those who hold the pipe open
        assert result["execution_time"] < 5, result


def one_timeout(level):
    """Whether the whole tree was up, and what was alive after its end."""
    with Shells(
        [("execute_command", {"command": TREE, "timeout": 0.7})], level=level
    ) as worker:
        result = worker.turn()
        left = [str(p) for p in worker.alive()]
        assert result["limit"] == "timeout", result
        assert result["execution_time"] < 10, result
    return result["stdout"] == "up\n", left


@limit(150)
def test_no_survivor_of_300_timeouts():
    known = shells.levels()
    each = 300 // len(known)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        work = [pool.submit(one_timeout, level) for level in known * each]
        ends = [future.result() for future in work]
    left = [process for _, all_left in ends for process in all_left]
    assert not left, left[:20]
    # a busy machine may not have grown all of them in time
    assert sum(up for up, _ in ends) > len(ends) / 2, ends


@contextlib.contextmanager
def grown_tree(level):
    """A worker in a turn whose command has the whole tree at work."""
    with Shells(
        [("execute_command", {"command": TREE, "timeout": 60})],
        level=level,
    ) as worker:
        worker.begin()
        wait_until(lambda: len(worker.alive()) >= TREE_SIZE, "the tree")
        yield worker


def test_the_tree_is_one():
    for level in shells.levels():
        with grown_tree(level) as worker:
            worker.kill()
            worker.await_none(15)


def test_what_cannot_be_watched_is_not_run():
    worker_lib.deny_watches()
    for tool in ("execute_command", "start_background_shell"):
        left = {"command": "sleep 1000 & exec sleep 1000"}
        with Shells([(tool, left)]) as worker:
            result = worker.turn(limit_ms=60000)
            assert not result["success"], result
            words = result.get("error") or result["stderr"]
            assert "cannot be watched: No space left" in words, result
            assert not worker.alive(), worker.alive()


def one_kill(number, level):
    """Kill a worker with a command and a shell at work."""
    up = "mktemp up.XXXXXX; sleep 1000 & exec sleep 1000"
    with Shells(
        [
            ("start_background_shell", {"command": up}),
            ("execute_command", {"command": up}),
        ],
        level=level,
    ) as worker:
        worker.begin()
        wait_until(
            lambda: len(list(worker.workspace.iterdir())) == 2, "both run", 60
        )
        time.sleep(number % 10 / 500)
        worker.kill()
        worker.await_none(15)


@limit(150)
def test_100_kills_of_a_worker():
    known = shells.levels()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = [
            pool.submit(one_kill, number, known[number % len(known)])
            for number in range(100)
        ]
        for future in work:
            future.result()


def test_a_killed_confine_takes_all_with_it():
    for level in shells.levels():
        with grown_tree(level) as worker:
            for process in processes.descendants(worker.process.pid):
                if process.parent == worker.process.pid:
                    os.kill(process.pid, signal.SIGKILL)
            answer = worker.wait_for("answer")
            assert "what confines the command failed" in answer["text"], answer
            assert not worker.alive(), worker.alive()
            worker.send(type="verdict", turn=1, accepted=True, final=True)


def test_a_cancelled_turn_ends_its_command():
    for level in shells.levels():
        with grown_tree(level) as worker:
            worker.cancel()
            worker.await_none(15)


def test_background_shells_end_with_the_agent():
    for level in shells.levels():
        worker = Shells(
            [("start_background_shell", {"command": TREE})] * 2, level=level
        )
        with worker:
            worker.turn()
            wait_until(lambda: len(worker.alive()) >= 2 * TREE_SIZE, "trees")
            started = time.monotonic()
            assert worker.end() == 0
            assert time.monotonic() - started < 9
            assert not worker.alive(), worker.alive()


def test_sigterm_ends_the_worker_and_its_tools():
    with Shells(
        [("start_background_shell", {"command": TREE})],
    ) as worker:
        worker.turn()
        wait_until(lambda: len(worker.alive()) >= TREE_SIZE, "the tree")
        worker.process.terminate()
        worker.process.wait(timeout=5)
        assert not worker.alive(), worker.alive()


def trees():
    """What is left of the trees of a run that passes the case's marker on."""
    marker = os.environ[processes.CASE_MARKER]
    found = processes.find(processes.CASE_MARKER, marker)
    return [str(p) for p in found if p.command.startswith("sleep 1000")]


def kill_at_once(sandbox, supervisor_first):
    """SIGKILL for a run's supervisor and workers, with trees at work.

    Returns the seconds until nothing of the trees is left.
    """
    agent = commander(
        ("start_background_shell", {"command": TREE}),
        ("execute_command", {"command": TREE, "timeout": 60}),
        sandbox=sandbox,
        command_line_pass_env=[processes.CASE_MARKER],
    )
    run = massgen.start("q", config=agents_config({"a": agent, "b": agent}))
    wait_until(lambda: len(trees()) >= 4 * 9, "four trees", 30)
    pids = [p.pid for p in run.workers() if p.parent == run.pid]
    pids.insert(0 if supervisor_first else len(pids), run.pid)
    started = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    run.process.wait()
    while left := trees():
        assert time.monotonic() < started + 15, (sandbox, left)
        time.sleep(0.02)
    return time.monotonic() - started


def test_nothing_outlives_a_run_that_is_killed():
    if not shells.works("bwrap"):
        raise Skip("without bubblewrap there is no such promise")
    took = [kill_at_once("auto", first) for first in (True, False) * 2]
    # a busy machine may be late, but not each time
    assert min(took) < 1, took


def test_nothing_outlives_a_run_that_is_killed_without_walls():
    # the other way round, a supervisor that is about to die itself may end
    # those who would have ended the rest
    kill_at_once("off", supervisor_first=True)


if __name__ == "__main__":
    harness.main()
