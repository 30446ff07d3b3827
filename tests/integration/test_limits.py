#!/usr/bin/python3
"""Limits of time, attempts and money, and what is not over them."""

import fcntl
import os
import pathlib
import signal
import sys
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import ONE_TRY, agents_config, mock, run, start  # noqa: E402

HANG = {"fault": "hang"}
LONG = 3000


def test_agent_timeout_from_the_file():
    config = agents_config(
        {"a": mock(*3 * [HANG]), "b": mock({"answer": "B"})},
        timeout_settings={"agent_timeout_seconds": 0.4},
    )
    result = run("Q", config=config)
    assert result.code == 0 and result.winner == "b", result
    a = result.status["agents"]["a"]
    assert a["status"] == "timeout" and a["attempts"] == 3, result
    told = [x for x in result.lines if x.startswith("Agent a: ")]
    assert told[:2] == [
        "Agent a: timeout after 0.4 s, attempt 1 of 3",
        "Agent a: timeout after 0.4 s, attempt 2 of 3",
    ], result
    assert "failed" in told[2] and "0 answers kept" in told[2], result


def test_agent_timeout_from_the_command_line():
    config = agents_config(
        {"a": mock(*3 * [HANG]), "b": mock({"answer": "B"})},
        timeout_settings={"agent_timeout_seconds": 100},
        **ONE_TRY,
    )
    result = run("--agent-timeout", "0.4", "Q", config=config)
    assert result.code == 0, result
    a = result.status["agents"]["a"]
    assert a["status"] == "timeout" and a["attempts"] == 1, result


def test_idle_timeout():
    stream = {"chunks": 40, "bytes": 10, "interval_ms": 50}
    config = agents_config(
        {"a": mock(HANG), "b": mock({"answer": "B", "stream": stream})},
        timeout_settings={"agent_idle_timeout_seconds": 0.5},
        **ONE_TRY,
    )
    result = run("Q", config=config)
    assert result.code == 0 and result.winner == "b", result
    assert result.status["agents"]["a"]["status"] == "timeout", result


def test_slow_is_not_idle():
    stream = {"chunks": 30, "bytes": 10, "interval_ms": 50}
    config = agents_config(
        {"a": mock({"answer": "A", "stream": stream})},
        timeout_settings={"agent_idle_timeout_seconds": 0.6},
    )
    result = run("Q", config=config)
    assert result.code == 0, result
    a = result.status["agents"]["a"]
    assert a["attempts"] == 1 and a["error"] is None, result


def test_everybody_idle_is_stalled_then_finished():
    config = agents_config(
        {"a": mock({"answer": "A"}, HANG), "b": mock(HANG)},
        timeout_settings={"agent_idle_timeout_seconds": 1},
        **ONE_TRY,
    )
    result = run("Q", config=config)
    assert result.winner == "a", result
    assert any("progress" in w for w in result.values("Warning")) or any(
        e["type"] == "stalled" for e in result.events
    ), result


def test_an_agent_between_two_attempts_is_not_stalled():
    config = agents_config(
        {"a": mock({"answer": "A"}), "b": mock(*3 * [HANG])},
        timeout_settings={"agent_idle_timeout_seconds": 0.4},
        orchestrator={"max_restarts_per_agent": 2},
    )
    result = run("Q", config=config)
    assert result.code == 0 and result.winner == "a", result
    b = result.status["agents"]["b"]
    assert b["attempts"] == 3 and b["status"] == "timeout", result
    assert result.manifest["stopped_by"] == "consensus", result


def unread(pid):
    """Bytes in the pipe in which a worker speaks: its last descriptor."""
    last = max(os.listdir(f"/proc/{pid}/fd"), key=int)
    pipe = os.open(f"/proc/{pid}/fd/{last}", os.O_RDONLY | os.O_NONBLOCK)
    count = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    os.close(pipe)
    return int.from_bytes(count, sys.byteorder)


def stopped_for(seconds, **timeouts):
    """A run stopped while its agents answer, and until a limit is over."""
    config = agents_config(
        {i: mock({"answer": i * LONG, "delay_ms": 500}) for i in "ab"},
        timeout_settings=timeouts,
        **ONE_TRY,
    )
    going = start("Q", config=config)
    going.wait_status(lambda s: True, "a journal")
    journal = going.log_dir / "events.ndjson"
    harness.wait_until(
        lambda: journal.read_text().count('"type":"activity"') == 2,
        "two agents at work",
    )
    over = time.monotonic() + seconds
    going.signal(signal.SIGSTOP)
    for worker in going.workers():
        # as text that came, and as the answer
        harness.wait_until(
            lambda pid=worker.pid: unread(pid) > 2 * LONG, "an answer"
        )
    time.sleep(max(0, over - time.monotonic()))
    going.signal(signal.SIGCONT)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.winner in "ab", result
    for agent in result.status["agents"].values():
        assert agent["answer_count"] == 1, result
        assert agent["error"] is None and agent["attempts"] == 1, result
    return result


def test_what_was_said_while_it_was_stopped_is_in_time():
    result = stopped_for(2.6, agent_idle_timeout_seconds=2)
    assert result.code == 0, result


def test_what_was_said_before_the_end_of_the_run_counts():
    result = stopped_for(4.1, orchestrator_timeout_seconds=4)
    assert result.code == 3, result


def test_restarts_are_limited():
    for limit in (0, 1):
        config = agents_config(
            {"a": mock(*9 * [{"fault": "crash"}]), "b": mock()},
            orchestrator={"max_restarts_per_agent": limit},
        )
        result = run("Q", config=config)
        a = result.status["agents"]["a"]
        assert a["attempts"] == limit + 1, result
        assert a["process_restarts"] == limit, result


def test_restarts_default_to_two():
    config = agents_config({"a": mock(*9 * [{"fault": "crash"}]), "b": mock()})
    result = run("Q", config=config)
    assert result.status["agents"]["a"]["attempts"] == 3, result


def test_time_limit_leaves_time_for_the_presentation():
    config = agents_config(
        {
            "a": mock({"answer": "A"}, HANG, {"present": "presented"}),
            "b": mock({"answer": "B", "cost": 1}, HANG),
        },
        timeout_settings={"agent_timeout_seconds": 60},
    )
    result = run("--orchestrator-timeout", "2", "Q", config=config)
    assert result.code == 3 and result.winner == "a", result
    assert result.status["meta"]["elapsed_seconds"] < 8, result


def test_max_answers_per_agent():
    config = agents_config(
        {
            "a": mock(*[{"answer": f"A{n}"} for n in range(6)]),
            "b": mock({"vote": "a", "delay_ms": 500}),
        },
        orchestrator={"max_new_answers_per_agent": 2},
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    assert result.status["agents"]["a"]["answer_count"] == 2, result
    refused = [e for e in result.events if e["type"] == "refused"]
    assert refused, result.events


def test_duplicate_answers_are_refused():
    config = agents_config(
        {
            "a": mock({"answer": "the same"}, {"vote": "a"}),
            "b": mock({"answer": "the same", "delay_ms": 50},
                      {"vote": "a", "delay_ms": 50}),
        }
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    assert result.status["agents"]["b"]["answer_count"] == 0, result


def test_close_answers_are_refused_if_so_configured():
    text = "one two three four five six seven eight nine ten"
    for strictness, count in (("lenient", 1), ("strict", 0)):
        config = agents_config(
            {
                "a": mock({"answer": text}, {"vote": "a", "delay_ms": 200}),
                "b": mock({"answer": text + " more", "delay_ms": 50},
                          {"vote": "a", "delay_ms": 200}),
            },
            orchestrator={"answer_novelty_requirement": strictness},
        )
        result = run("--dry-run", "Q", config=config)
        assert result.code == 0, result
        agents = result.status["agents"]
        assert agents["b"]["answer_count"] == count, result


def test_max_cost_ends_the_run():
    spend = [{"say": "hm", "cost": 0.4, "delay_ms": 20}] * 20
    config = agents_config(
        {
            "a": mock({"answer": "A", "cost": 0.1}, {"vote": "a"}),
            "b": mock(*spend),
        }
    )
    result = run("--max-cost", "1", "Q", config=config)
    assert result.status["results"]["estimated_cost"] <= 1.0, result
    assert result.winner == "a", result
    assert "cost" in str(result.values("Warning")) + str(
        [x for x in result.lines if x.startswith("Agent ")]
    ), result


def test_max_cost_of_one_agent_ends_that_agent():
    config = agents_config(
        {
            "a": mock({"answer": "A", "cost": 0.1}, {"vote": "a"}),
            "b": mock(*[{"say": "hm", "cost": 0.4}] * 20),
        }
    )
    config["agents"][1]["backend"]["max_cost_usd"] = 0.5
    result = run("Q", config=config)
    assert result.code == 0, result
    cost = result.status["agents"]["b"]["usage"]["estimated_cost"]
    assert cost <= 0.5, result


def test_an_agent_that_never_decides_fails():
    config = agents_config(
        {
            "a": mock(*[{"say": "well..."}] * 30),
            "b": mock({"answer": "B"}),
        },
        **ONE_TRY,
    )
    result = run("Q", config=config)
    assert result.code == 0, result
    assert result.winner == "b", result


SLOW = """#!/usr/bin/python3
# A worker on a slow machine: whatever is said to it comes late.
import os, subprocess, sys, threading, time
worker = subprocess.Popen([%r], stdin=subprocess.PIPE)
def listen():
    for line in sys.stdin.buffer:
        time.sleep(0.9)
        worker.stdin.write(line)
        worker.stdin.flush()
    worker.stdin.close()
threading.Thread(target=listen, daemon=True).start()
status = worker.wait()
os._exit(status if status >= 0 else 128 - status)
"""


def slow_worker():
    """A program that is agent-worker, but hears everything late."""
    path = pathlib.Path("slow").resolve()
    path.write_text(SLOW % str(harness.BUILD / "agent-worker"))
    path.chmod(0o755)
    return path


def test_a_dry_run_is_the_same_on_a_slow_machine():
    example = ("--dry-run", "--config", "@examples/dry_run/hung_agent", "Q")
    quick = run(*example)
    result = run(*example, worker=slow_worker())
    assert result.manifest == quick.manifest, result
    assert result.moves == quick.moves, (quick.moves, result.moves, result)


def test_a_dry_run_waits_for_all_acts_before_a_hang():
    # by the scenario they are done at 61 ms, by the clock long after 0.2 s
    stream = {"chunks": 10, "bytes": 1, "interval_ms": 3}
    acts = [{"answer": f"A{n}", "stream": stream} for n in range(60)]
    config = agents_config(
        {"a": mock(*acts, {"vote": "a"}), "b": mock(HANG)},
        timeout_settings={"agent_timeout_seconds": 0.2},
        **ONE_TRY,
    )
    result = run("--dry-run", "Q", config=config)
    times = [at for kind, _, at in result.moves if kind != "winner"]
    assert times == list(range(1, 62)), result.moves


if __name__ == "__main__":
    harness.main()
