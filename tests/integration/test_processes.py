#!/usr/bin/python3
"""Nothing of a run is alive after it, however it ends."""

import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import ONE_TRY, agents_config, mock, run, start  # noqa: E402


def fake(mode):
    """An agent of the fake worker."""
    return {"system_message": mode, "backend": {"type": "mock"}}


def started(config, *arguments, **options):
    """A run whose agents are all in a turn."""
    going = start(*arguments, "Q", config=config, **options)
    going.wait_status(
        lambda s: all(
            a["status"] == "streaming" for a in s["agents"].values()
        ),
        "all agents at work",
    )
    return going


def gone(pids):
    """Whether none of the processes is alive."""
    for pid in pids:
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            continue
        if stat.rsplit(")")[-1].split()[0] not in "ZX":
            return False
    return True


def killed(config, *arguments):
    """kill -9 of the supervisor: the workers follow within 6 s."""
    going = started(config, *arguments)
    pids = [p.pid for p in going.workers()]
    assert pids, "no worker"
    going.signal(signal.SIGKILL)
    going.process.wait()
    harness.wait_until(lambda: gone(pids), f"{pids} gone", 6)
    return going


def test_workers_die_with_the_supervisor():
    killed(agents_config({i: mock({"fault": "hang"}) for i in "abc"}))


def test_workers_in_a_stream_die_with_the_supervisor():
    stream = {"chunks": 100000, "bytes": 100, "interval_ms": 1}
    killed(
        agents_config(
            {i: mock({"answer": i, "stream": stream}) for i in "ab"}
        )
    )


def test_workers_that_wait_die_with_the_supervisor():
    killed(
        agents_config(
            {i: mock({"answer": i, "delay_ms": 60000}) for i in "ab"}
        )
    )


def test_workers_that_ignore_signals_die_with_the_supervisor():
    killed(
        agents_config({i: mock({"fault": "hang_ignore_term"}) for i in "ab"})
    )


def test_stopped_workers_die_with_the_supervisor():
    killed(agents_config({i: mock({"fault": "stop"}) for i in "ab"}))


def test_what_a_killed_supervisor_leaves_can_be_read():
    going = killed(agents_config({"a": mock({"fault": "hang"})}))
    status = going.status()
    assert status["meta"]["outcome"] == "running", status
    massgen.assert_journal(going.log_dir)


def test_an_idle_worker_takes_little():
    config = agents_config(
        {i: mock({"answer": i, "delay_ms": 1500}) for i in "abc"}
    )
    going = started(config)
    for worker in going.workers():
        status = pathlib.Path(f"/proc/{worker.pid}/status").read_text()
        assert "Threads:\t1\n" in status, status
    massgen.assert_clean(going.wait())


def test_workers_start_clean():
    config = agents_config(
        {"a": fake("hang")},
        timeout_settings={"agent_timeout_seconds": 1},
        **ONE_TRY,
    )
    going = started(config, worker=harness.FAKE_WORKER)
    (worker,) = going.workers()
    proc = pathlib.Path(f"/proc/{worker.pid}")
    status = proc.joinpath("status").read_text()
    assert "SigBlk:\t0000000000000000" in status, status
    links = {p.name: os.readlink(p) for p in proc.joinpath("fd").iterdir()}
    assert sorted(links) == ["0", "1", "2"], links
    assert all(target.startswith("pipe:") for target in links.values()), links
    assert worker.group == worker.pid, worker
    massgen.assert_clean(going.wait())


def test_daemons_of_workers_are_found_and_told():
    config = agents_config(
        {"a": fake("daemon_grandchild"), "b": fake("good")}
    )
    result = run("Q", config=config, worker=harness.FAKE_WORKER)
    assert result.code == 0, result
    orphans = [e for e in result.events if e["type"] == "orphans"]
    assert sum(e["count"] for e in orphans) >= 1, result.events


def test_daemons_are_ended_after_an_interrupt_too():
    config = agents_config(
        {"a": fake("daemon_grandchild"), "b": fake("hang")}
    )
    going = start("Q", config=config, worker=harness.FAKE_WORKER)
    going.wait_status(
        lambda s: s["agents"]["a"]["answer_count"] == 1, "an answer"
    )
    going.signal(signal.SIGINT)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 4, result


def test_a_worker_killed_from_outside_is_replaced():
    config = agents_config(
        {
            "a": mock({"answer": "A", "delay_ms": 1000},
                      {"answer": "A", "delay_ms": 10}),
            "b": mock({"answer": "B"}),
        }
    )
    going = started_once(config)
    pid = going.status()["agents"]["a"]["pid"]
    os.kill(pid, signal.SIGKILL)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 0, result
    agent = result.status["agents"]["a"]
    assert agent["process_restarts"] == 1, agent
    assert agent["answer_count"] == 1, agent


def started_once(config):
    """A run in which agent a is in its first turn."""
    going = start("Q", config=config)
    going.wait_status(
        lambda s: s["agents"]["a"]["status"] in ("streaming", "restarting"),
        "a at work",
    )
    return going


def test_a_worker_stopped_from_outside_is_ended_by_its_limit():
    # it streams for longer than the idle limit, and b for longer still
    stream = {"chunks": 40, "bytes": 10, "interval_ms": 50}
    longer = {"chunks": 70, "bytes": 10, "interval_ms": 50}
    config = agents_config(
        {
            "a": mock({"answer": "A", "stream": stream}),
            "b": mock({"answer": "B", "stream": longer}),
        },
        timeout_settings={"agent_idle_timeout_seconds": 0.6},
        **ONE_TRY,
    )
    going = started_once(config)
    os.kill(going.status()["agents"]["a"]["pid"], signal.SIGSTOP)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.winner == "b", result
    assert result.status["agents"]["a"]["status"] == "timeout", result


def test_a_supervisor_that_ignores_sigchld_by_inheritance():
    result = run(
        "--dry-run",
        "Q",
        prefix=["/usr/bin/python3", "-c", IGNORE_CHILDREN],
    )
    assert result.code == 0, result


IGNORE_CHILDREN = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
os.execv(sys.argv[1], sys.argv[1:])
"""


def beside(script, *arguments, **options):
    """A run that bash becomes by exec once it has started something else.

    What is written to the run's stdin is read by the other, on descriptor 3.
    """
    script = f'exec 3<&0 </dev/null; {script} exec "$@" 3<&-'
    return start(
        *arguments,
        "Q",
        prefix=["/bin/bash", "-c", script, "bash"],
        stdin=subprocess.PIPE,
        **options,
    )


def tell(going):
    """A line for what was started beside the run."""
    going.process.stdin.write(b"\n")
    going.process.stdin.flush()


def told_pid(path):
    """The pid that was written to a file, once it is there."""
    path = pathlib.Path(path)
    harness.wait_until(
        lambda: path.exists() and path.read_text().endswith("\n"),
        f"a pid in {path}",
    )
    return int(path.read_text())


def assert_job_ends_well(going, pid):
    """It outlived the run, and now that it may it does the rest."""
    assert not gone([pid]), "ended with the run"
    tell(going)
    harness.wait_until(lambda: gone([pid]), "the end of the job")
    assert pathlib.Path("job").read_text() == "done\n"


def test_what_reads_the_output_is_not_of_the_run():
    # all have the same stderr: wait() is over when the last one has ended
    going = beside("exec > >(cat >out);", "--dry-run")
    done = going.wait()
    text = pathlib.Path("out").read_text()
    result = massgen.Result(done.code, text, done.stderr)
    massgen.assert_clean(result)
    assert result.code == 0, result
    assert result.status["coordination"]["orphans_killed"] == 0, result


def test_a_job_of_the_shell_outlives_the_run():
    config = agents_config(
        {"a": fake("daemon_grandchild"), "b": fake("good")}
    )
    going = beside(
        "(read -r _ <&3 && echo done) >job 2>/dev/null & echo $! >pid;",
        config=config,
        worker=harness.FAKE_WORKER,
    )
    result = going.wait()
    assert_job_ends_well(going, told_pid("pid"))
    massgen.assert_clean(result)
    assert result.code == 0, result
    # the job is none of them, but they are found as ever
    orphans = [e for e in result.events if e["type"] == "orphans"]
    assert sum(e["count"] for e in orphans) >= 1, result.events


def test_what_a_job_leaves_behind_outlives_the_run_too():
    config = agents_config({"a": mock({"fault": "hang"})})
    going = beside(
        "(read -r _ <&3;"
        " (read -r _ <&3 && echo done) >job & echo $! >pid)"
        " >/dev/null 2>&1 &",
        config=config,
    )
    going.wait_status(
        lambda s: s["agents"]["a"]["status"] == "streaming", "a at work"
    )
    tell(going)
    pid = told_pid("pid")
    harness.wait_until(
        lambda: (pid, going.pid)
        in [(p.pid, p.parent) for p in going.workers()],
        "an orphan that the run has adopted",
    )
    going.signal(signal.SIGINT)
    result = going.wait()
    assert_job_ends_well(going, pid)
    massgen.assert_clean(result)
    assert result.code == 4, result
    assert result.status["coordination"]["orphans_killed"] == 0, result


if __name__ == "__main__":
    harness.main()
