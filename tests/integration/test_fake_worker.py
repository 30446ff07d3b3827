#!/usr/bin/python3
"""A worker that this program did not write, and that breaks every rule."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
from massgen import (  # noqa: E402
    ONE_TRY,
    agents_config,
    assert_clean,
    run,
    start,
)

QUICK = {
    "timeout_settings": {"agent_timeout_seconds": 0.6},
    "orchestrator": {"max_restarts_per_agent": 1},
}
PATIENT = QUICK | {"timeout_settings": {"agent_timeout_seconds": 25}}


def agent(mode):
    """An agent whose fake worker behaves so."""
    return {"system_message": mode, "backend": {"type": "mock"}}


def run_modes(*arguments, code=0, env=None, top=None, seconds=30, **modes):
    """A run of fake workers by {id: mode}."""
    config = agents_config(
        {i: agent(mode) for i, mode in modes.items()}, **(top or QUICK)
    )
    result = run(
        *arguments,
        "Q",
        config=config,
        worker=harness.FAKE_WORKER,
        env=env,
        seconds=seconds,
    )
    assert result.code == code, result
    return result


def fails(mode, *errors, status="error", attempts=2, **options):
    """The mode ends its agent and nobody else."""
    result = run_modes(bad=mode, good="good", **options)
    assert result.winner == "good", result
    bad, good = (result.status["agents"][i] for i in ("bad", "good"))
    assert good["status"] in ("voted", "completed"), result
    assert bad["status"] == status, result
    assert bad["error"]["type"] in errors, result
    assert bad["attempts"] == attempts, result
    quorum = result.status["coordination"]["quorum"]
    assert quorum["failed"] == 1 and quorum["degraded"], result
    return result


def works(mode, *arguments, **options):
    """The mode is odd but allowed: its agent takes part to the end."""
    result = run_modes(*arguments, odd=mode, good="good", **options)
    odd = result.status["agents"]["odd"]
    assert odd["status"] in ("voted", "completed"), result
    assert odd["error"] is None, result
    assert odd["answer_count"] == 1, result
    return result


def start_words(*words):
    """The environment that gives the n-th worker to start its word."""
    os.mkdir("slots")
    return {
        "FAKE_WORKER_START": ",".join(words),
        "FAKE_WORKER_SLOTS": os.path.abspath("slots"),
    }


def test_good():
    result = run_modes(a="good", b="good", c="good")
    assert result.winner == "a", result
    assert result.answer == b"Presentation of agent1: Q", result
    context = result.log_dir / "final" / "a" / "context.txt"
    assert "what the fake worker was shown" in context.read_text()


def test_worker_by_environment():
    config = agents_config({"a": agent("good")})
    result = run("Q", config=config, worker=harness.FAKE_WORKER)
    assert result.code == 0, result
    assert b"agent1" in result.answer, result


def test_worker_behind_a_launcher():
    top = QUICK | {
        "orchestrator": {
            "worker_launcher": ["/usr/bin/env", "FAKE_WORKER_VIA=launcher"]
        }
    }
    result = run_modes(a="good", b="good", top=top)
    assert result.winner == "a", result


def test_a_launcher_that_is_not_there():
    top = {"orchestrator": {"worker_launcher": ["/nonexistent/launcher"]}}
    result = run_modes(a="good", b="good", top=top, code=2)
    assert "/nonexistent/launcher" in result.value("Error"), result


def test_byte_at_a_time():
    works("byte_at_a_time")


def test_hang():
    fails("hang", "timeout", status="timeout")


def test_hang_ignore_term():
    result = fails("hang_ignore_term", "timeout", status="timeout")
    assert result.status["agents"]["bad"]["exit"]["signal"] == 9, result


def test_never_read():
    fails("never_read", "timeout", "protocol_error", status="timeout")


def test_what_comes_in_the_grace_is_no_failure():
    result = run_modes(late="in_grace", good="good", top=QUICK | ONE_TRY)
    late = result.status["agents"]["late"]
    assert late["status"] in ("voted", "completed"), result
    assert late["answer_count"] == 1 and late["error"] is None, result
    assert late["attempts"] >= 2, result
    assert "attempt_failed" not in [e["type"] for e in result.events], result
    assert result.status["coordination"]["quorum"]["failed"] == 0, result


def test_stop_self():
    fails("stop_self", "timeout", status="timeout")


def test_garbage():
    fails("garbage", "protocol_error")


def test_half_line_then_die():
    fails("half_line_then_die", "exit", "protocol_error")


def test_huge_line():
    fails("huge_line", "protocol_error", top=PATIENT)


def test_nul():
    fails("nul", "protocol_error")


def test_wrong_direction():
    fails("wrong_direction", "protocol_error")


def test_unknown_type():
    fails("unknown_type", "protocol_error")


def test_second_hello():
    fails("second_hello", "protocol_error")


def test_stale_turn():
    result = run_modes(bad="stale_turn", good="good")
    assert b"of no turn at all" not in result.answer, result
    for path in result.log_dir.glob("*/*/answer.txt"):
        assert "of no turn at all" not in path.read_text(), path


def test_segv():
    result = fails("segv", "crash")
    assert result.status["agents"]["bad"]["exit"]["signal"] == 11, result


def test_exit_75_is_tried_again():
    fails("exit_75", "exit", attempts=2)


def test_exit_78_is_not():
    fails("exit_78", "exit", attempts=1)


def test_a_reported_error_is_told():
    result = fails("error", "model")
    error = result.status["agents"]["bad"]["error"]
    assert "out of order" in error["message"], error


def test_close_output_but_live():
    fails("close_output_but_live", "protocol_error")


def test_recovery_after_a_crash():
    once = os.path.abspath("once")
    result = run_modes(odd=f"segv once={once}", good="good")
    odd = result.status["agents"]["odd"]
    assert odd["process_restarts"] == 1 and odd["attempts"] == 2, result
    assert odd["answer_count"] == 1 and odd["error"] is None, result


def test_answer_and_exit_counts():
    result = run_modes(bad="answer_and_exit", good="good")
    assert result.status["agents"]["bad"]["answer_count"] == 1, result
    assert list(result.log_dir.glob("bad/*/answer.txt")), result


def test_answer_and_exit_of_the_only_agent():
    result = run_modes(a="answer_and_exit")
    assert result.winner == "a" and b"Answer of agent1" in result.answer


def test_vote_before_answer_is_refused():
    result = works("vote_before_answer")
    assert any(e["type"] == "refused" for e in result.events), result


def test_vote_for_nobody_is_refused():
    result = works("vote_unknown")
    refused = [e for e in result.events if e["type"] == "refused"]
    assert refused and "agent99" in refused[0]["text"], refused


def test_flood_harms_its_agent_only():
    result = run_modes(bad="flood", good="good", seconds=60)
    assert result.winner == "good", result
    assert result.status["agents"]["bad"]["status"] in ("error", "timeout")
    size = sum(
        path.stat().st_size
        for path in result.log_dir.rglob("*")
        if path.is_file()
    )
    assert size < 300_000_000, size


def test_stderr_flood_is_cut():
    result = works("stderr_flood", top=PATIENT)
    size = (result.log_dir / "massgen.log").stat().st_size
    assert size < 20_000_000, size


def test_answer_of_50_mb():
    result = run_modes(
        odd="answer_50mb",
        top=PATIENT,
    )
    (answer,) = result.log_dir.glob("odd/*/answer.txt")
    assert answer.stat().st_size == 50 * 1024 * 1024
    assert len(result.answer) == 50 * 1024 * 1024
    assert (result.log_dir / "status.json").stat().st_size < 20000


def test_answer_of_50_mb_among_others():
    result = run_modes(
        odd="answer_50mb",
        good="good",
        top=PATIENT,
    )
    (answer,) = result.log_dir.glob("odd/*/answer.txt")
    assert answer.stat().st_size == 50 * 1024 * 1024
    for agent in result.status["agents"].values():
        assert agent["error"] is None, result


def test_wrong_version_is_not_tried_again():
    env = start_words("wrong_version", "good")
    result = run_modes(a="good", b="good", env=env)
    failed = [
        a for a in result.status["agents"].values() if a["status"] == "error"
    ]
    assert len(failed) == 1, result
    assert failed[0]["attempts"] == 1, failed
    assert "version 99" in failed[0]["error"]["message"], failed


def starts_twice(first):
    """A run whose agent starts in that way first, and then well."""
    result = run_modes(a="good", env=start_words(first, "good"))
    assert result.status["agents"]["a"]["attempts"] == 2, result
    return result


def test_die_before_hello():
    env = start_words("die_before_hello")
    result = run_modes(a="good", code=2, env=env)
    agent_a = result.status["agents"]["a"]
    assert agent_a["attempts"] == 2, agent_a
    assert agent_a["error"]["type"] == "exit", agent_a


def test_die_before_hello_once():
    starts_twice("die_before_hello")


def test_hang_before_hello_ends_with_the_run():
    env = start_words("hang_before_hello", "good")
    result = run_modes(
        "--orchestrator-timeout", "2", a="good", b="good", code=3, env=env
    )
    assert result.winner in "ab", result


def test_garbage_before_hello():
    starts_twice("garbage_before_hello")


def test_a_first_message_that_is_not_hello():
    result = starts_twice("answer_before_hello")
    assert b"too early" not in result.answer, result


def test_a_grandchild_that_holds_stderr():
    result = works("grandchild_holds_stderr")
    assert result.status["meta"]["elapsed_seconds"] < 20, result


def test_a_grandchild_that_became_a_daemon():
    result = works("daemon_grandchild")
    text = str(result.events)
    assert "orphans" in text, "it was ended but not told"


def test_every_mode_at_once():
    modes = (
        "garbage", "hang", "half_line_then_die", "segv", "exit_78", "nul",
        "unknown_type", "close_output_but_live", "stop_self", "never_read",
        "daemon_grandchild", "answer_and_exit", "hang_ignore_term",
    )  # fmt: skip
    result = run_modes(
        **{mode: mode for mode in modes}, good="good", seconds=60
    )
    assert result.winner, result
    assert result.status["agents"]["good"]["error"] is None, result


KEY = "sk-Test/Key+0123456789abcdefXYZ"


def leaks(mode, **backend):
    """Files of a run, and its output, in which the key stands."""
    config = agents_config(
        {
            i: {
                "system_message": mode,
                "backend": {"type": "chatcompletion", "model": "gpt-4o"}
                | backend,
            }
            for i in ("a", "b")
        }
    )
    result = run(
        "--debug",
        "Q",
        config=config,
        env={"OPENAI_API_KEY": KEY, "MY_SECRET": KEY},
        worker=harness.FAKE_WORKER,
    )
    assert result.code == 0, result
    assert KEY not in result.stdout + result.stderr, result
    forms = (KEY.encode(), KEY.replace("/", "\\/").encode())
    return [
        str(path.relative_to(result.log_dir))
        for path in result.log_dir.rglob("*")
        if path.is_file() and any(f in path.read_bytes() for f in forms)
    ]


def test_a_key_is_nowhere():
    found = leaks("key_on_stderr")
    assert not found, found


def test_a_key_of_the_configuration_is_nowhere():
    found = leaks("key_on_stderr", api_key="${MY_SECRET}")
    assert not found, found


def test_a_key_written_into_the_configuration_is_nowhere():
    found = leaks("key_on_stderr", api_key=KEY)
    assert not found, found


def test_a_key_in_two_pieces_is_nowhere():
    found = leaks("key_in_pieces")
    assert not found, found


def test_a_key_in_escapes_is_nowhere():
    found = leaks("key_in_escapes")
    assert not found, found


def test_a_key_is_not_in_a_workers_environment_or_arguments():
    config = agents_config(
        {
            "a": {
                "system_message": "hang",
                "backend": {"type": "chatcompletion", "model": "gpt-4o"},
            }
        }
    )
    going = start(
        "--orchestrator-timeout",
        "2",
        "Q",
        config=config,
        env={"OPENAI_API_KEY": KEY},
        worker=harness.FAKE_WORKER,
    )
    going.wait_status(
        lambda s: s["agents"]["a"]["status"] == "streaming", "a turn"
    )
    workers = going.workers()
    assert workers, "no worker"
    for worker in workers:
        for name in ("environ", "cmdline"):
            data = pathlib.Path(f"/proc/{worker.pid}/{name}").read_bytes()
            assert KEY.encode() not in data, name
    assert_clean(going.wait())


if __name__ == "__main__":
    harness.main()
