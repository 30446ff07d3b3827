#!/usr/bin/python3
"""Every exit code by every cause, agreeing with what else the run says."""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import agents_config, mock, plain, run, start  # noqa: E402

HANG = {"fault": "hang"}
CHAT = {"type": "chatcompletion", "model": "gpt-4o"}


def config_error(*arguments, says, config=None, env=None):
    """The run ends with 1 and says why."""
    result = run(*arguments, config=config, env=env)
    assert result.code == 1, result
    text = result.stdout + result.stderr
    assert says in text, f"{says!r} not in\n{result}"
    return result


def test_success_is_0():
    result = run("--dry-run", "Q")
    assert result.code == 0, result


def test_bad_flag_is_1():
    config_error("--frobnicate", "Q", says="frobnicate")


def test_flag_without_its_value_is_1():
    config_error("Q", "--log-root", says="log-root")


def test_bad_number_is_1():
    for value in ("soon", "-5", "1e", ""):
        config_error(
            "--dry-run", "--orchestrator-timeout", value, "Q", says=""
        )


def test_no_question_is_1():
    config_error("--dry-run", says="question")


def test_two_questions_are_1():
    config_error("--dry-run", "one", "two", says="")


def test_no_configuration_is_1():
    config_error("Q", says="")


def test_missing_configuration_file_is_1():
    config_error("Q", config="nowhere.yaml", says="nowhere.yaml")


def test_unreadable_configuration_file_is_1():
    pathlib.Path("dir.yaml").mkdir()
    config_error("Q", config="dir.yaml", says="dir.yaml")


def test_missing_example_is_1():
    config_error("Q", config="@examples/no/such", says="no/such")


def test_invalid_yaml_is_1():
    pathlib.Path("bad.yaml").write_text("agents: [\n  - id: 'a\n")
    config_error("Q", config="bad.yaml", says="bad.yaml:")


def test_empty_configuration_is_1():
    pathlib.Path("empty.yaml").write_text("")
    config_error("Q", config="empty.yaml", says="empty.yaml")


def test_unknown_key_is_1_and_placed():
    pathlib.Path("c.yaml").write_text(
        "agents:\n"
        "  - id: a\n"
        "    backend:\n"
        "      type: mock\n"
        "    sistem_message: hi\n"
    )
    result = config_error("Q", config="c.yaml", says="c.yaml:5:5:")
    assert "system_message" in result.stderr, result


def test_all_errors_come_in_one_pass():
    pathlib.Path("c.yaml").write_text(
        "agents:\n"
        "  - id: a\n"
        "    backend: {type: no_such_type}\n"
        "  - id: a\n"
        "    backend: {type: mock}\n"
        "orchestrator:\n"
        "  voting_sensitivity: wild\n"
    )
    result = config_error("Q", config="c.yaml", says="no_such_type")
    assert "Duplicate agent ID: 'a'" in result.stderr, result
    assert "Invalid voting_sensitivity: 'wild'" in result.stderr, result


def test_missing_question_file_is_1():
    config_error(
        "--dry-run", "--question-file", "nowhere.txt", says="nowhere.txt"
    )


def test_missing_key_is_1_and_named():
    config = agents_config({"a": {"backend": CHAT}})
    config_error("Q", config=config, says="OPENAI_API_KEY")


def test_empty_key_is_1_and_named():
    config = agents_config({"a": {"backend": CHAT}})
    config_error(
        "Q", config=config, env={"OPENAI_API_KEY": ""}, says="OPENAI_API_KEY"
    )


def test_a_dry_run_needs_no_key():
    result = run(
        "--dry-run", "Q", config=agents_config({"a": {"backend": CHAT}})
    )
    assert result.code == 0, result


def test_unsafe_agent_ids_are_1():
    for name in ("../up", "a/b", ".", "", "x" * 300, "a\nb"):
        config = agents_config({name: mock({"answer": "A"})})
        config_error("Q", config=config, says="id")
        assert not pathlib.Path("up").exists()


def test_no_answer_from_anybody_is_2():
    config = agents_config(
        {
            "a": mock(*3 * [{"error": "no", "permanent": True}]),
            "b": mock(*3 * [{"fault": "exit", "code": 78}]),
        }
    )
    result = run("Q", config=config)
    assert result.code == 2, result
    assert result.status["results"]["winner"] is None, result


def test_a_worker_that_is_no_program_is_2():
    config = agents_config({"a": mock({"answer": "A"})})
    result = run("Q", config=config, worker="/nonexistent/worker")
    assert result.code in (1, 2), result
    assert "/nonexistent/worker" in str(result), result


def test_unwritable_log_root_is_2():
    pathlib.Path("file").write_text("")
    result = run("--dry-run", "--log-root", "file/logs", "Q")
    assert result.code == 2, result
    assert "file/logs" in result.value("Error"), result


def test_output_without_a_place_is_1():
    pathlib.Path("file").write_text("")
    for path in ("no/such/dir/answer.txt", "file/answer.txt", "."):
        config_error("--dry-run", "-o", path, "Q", says=f"--output {path}: ")


def test_output_that_loses_its_place_is_2():
    place = pathlib.Path("place")
    place.mkdir()
    config = agents_config({"a": mock({"answer": "A", "delay_ms": 300})})
    going = start("-o", "place/answer.txt", "Q", config=config)
    going.wait_line("Starting ")
    place.rmdir()
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 2, result
    error = result.value("Error")
    assert error.startswith("place/answer.txt: "), error
    answer = pathlib.Path(error.split("the final answer is in ")[1])
    assert answer.is_relative_to(result.log_dir / "final"), error
    assert answer.read_text(), error


def test_time_limit_without_answers_is_3():
    config = agents_config({"a": mock(HANG), "b": mock(HANG)})
    result = run("--orchestrator-timeout", "1", "Q", config=config)
    assert result.code == 3, result
    assert result.status["results"]["winner"] is None, result
    for agent in result.status["agents"].values():
        assert agent["status"] == "timeout", agent


def test_time_limit_with_answers_is_3_and_has_a_winner():
    config = agents_config(
        {"a": mock(HANG), "b": mock({"answer": "B was quick"})}
    )
    result = run("--orchestrator-timeout", "1.5", "Q", config=config)
    assert result.code == 3, result
    assert result.winner == "b", result
    assert b"B was quick" in result.answer or result.answer, result
    assert "time" in str(result.values("Warning")), result


def test_time_limit_may_come_from_the_file():
    config = agents_config(
        {"a": mock(HANG)},
        timeout_settings={"orchestrator_timeout_seconds": 1},
    )
    result = run("Q", config=config)
    assert result.code == 3, result


def interrupted(number, steps, code=4):
    """A run that gets a signal in the middle of a turn."""
    config = agents_config({"a": mock(HANG), "b": mock(*steps)})
    going = start("Q", config=config)
    answers = 1 if steps[0] is not HANG else 0
    going.wait_status(
        lambda s: s["agents"]["b"]["answer_count"] == answers
        and s["agents"]["a"]["status"] in ("streaming", "restarting"),
        "both agents at work",
    )
    going.signal(number)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == code, result
    return result


def test_sigint_without_answers_is_4():
    result = interrupted(signal.SIGINT, [HANG])
    assert result.status["results"]["winner"] is None, result


def test_sigint_with_answers_is_4_and_has_a_winner():
    result = interrupted(signal.SIGINT, [{"answer": "B"}, HANG])
    assert result.winner == "b", result


def test_sigterm_is_4_and_has_a_winner():
    result = interrupted(signal.SIGTERM, [{"answer": "B"}, HANG])
    assert result.winner == "b", result


def test_sighup_is_4_and_has_a_winner():
    result = interrupted(signal.SIGHUP, [{"answer": "B"}, HANG])
    assert result.winner == "b", result


def test_an_interrupted_presentation_says_so():
    config = agents_config(
        {
            "a": mock({"answer": "A"}, {"vote": "a"},
                      {"present": "late", "delay_ms": 60000}),
            "b": mock({"vote": "a", "delay_ms": 100}),
        }
    )
    going = start("Q", config=config)
    going.wait_status(
        lambda s: s["coordination"]["phase"] == "presentation"
        and s["agents"]["a"]["status"] == "streaming",
        "a presentation",
    )
    going.signal(signal.SIGINT)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 4 and result.answer == b"A", result
    assert result.values("Warning") == ["interrupted"], result
    said = [e["text"] for e in result.events if e["type"] == "warning"]
    assert said == ["interrupted"], result.events
    assert "interrupted" in (result.log_dir / "massgen.log").read_text()
    # coordination had come to its end before
    assert result.manifest["stopped_by"] == "consensus", result
    assert result.manifest["outcome"] == "interrupted", result


IGNORING = """
import os, signal, sys
for name in sys.argv[1].split(","):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
os.execv(sys.argv[2], sys.argv[2:])
"""


def ignoring(*names):
    """What starts a program that ignores signals, as nohup(1) does."""
    return ["/usr/bin/python3", "-c", IGNORING, ",".join(names)]


def ignores(pid, *numbers):
    """Whether the process ignores one of the signals."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    (mask,) = [x[8:] for x in status.splitlines() if x.startswith("SigIgn:")]
    return any(int(mask, 16) >> (number - 1) & 1 for number in numbers)


def test_signals_ignored_from_the_start_do_not_interrupt():
    config = agents_config({"a": mock({"answer": "A", "delay_ms": 1000})})
    going = start("Q", config=config, prefix=ignoring("SIGHUP", "SIGINT"))
    going.wait_status(
        lambda s: s["agents"]["a"]["status"] == "streaming", "a at work"
    )
    going.signal(signal.SIGHUP)
    going.signal(signal.SIGINT)
    for worker in going.workers():
        assert not ignores(worker.pid, signal.SIGHUP, signal.SIGINT), worker
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 0 and result.winner == "a", result


def test_sigterm_interrupts_though_it_was_ignored():
    config = agents_config({"a": mock(HANG)})
    going = start("Q", config=config, prefix=ignoring("SIGTERM"))
    going.wait_status(
        lambda s: s["agents"]["a"]["status"] == "streaming", "a at work"
    )
    going.signal(signal.SIGTERM)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 4, result


def test_second_sigint_finalizes_all_the_same():
    config = agents_config(
        {
            "a": mock({"fault": "hang_ignore_term"}),
            "b": mock({"answer": "B"}, {"fault": "hang_ignore_term"}),
        }
    )
    going = start("Q", config=config)
    going.wait_status(
        lambda s: s["agents"]["b"]["answer_count"] == 1, "an answer"
    )
    going.signal(signal.SIGINT)
    going.signal(signal.SIGINT)
    result = going.wait(seconds=10)
    massgen.assert_clean(result)
    assert result.code == 4, result
    assert result.winner == "b", result


def test_many_signals_are_no_harm():
    config = agents_config(
        {"a": mock({"fault": "hang_ignore_term"}), "b": mock({"answer": "B"})}
    )
    going = start("Q", config=config)
    going.wait_status(
        lambda s: s["agents"]["b"]["answer_count"] == 1, "an answer"
    )
    while going.process.poll() is None:
        going.signal(signal.SIGINT)
        going.signal(signal.SIGTERM)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 4, result


def test_signals_that_mean_nothing_are_ignored():
    config = agents_config({"a": mock({"answer": "A", "delay_ms": 500})})
    going = start("Q", config=config)
    going.wait_line("Phase: planning")
    for number in (signal.SIGPIPE, signal.SIGWINCH, signal.SIGCHLD):
        going.signal(number)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 0, result


def test_validation_says_it_by_its_status():
    good = massgen.write_config(agents_config({"a": mock({"answer": "A"})}))
    assert plain("--validate", good).code == 0
    pathlib.Path("bad.yaml").write_text("agents: {}\n")
    assert plain("--validate", "bad.yaml").code == 1


if __name__ == "__main__":
    harness.main()
