#!/usr/bin/python3
"""Programs as agents: whole runs, and programs of every bad kind."""

import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import processes  # noqa: E402
from harness import ROOT, wait_until  # noqa: E402
from massgen import ONE_TRY, agents_config, mock  # noqa: E402

AGENT = str(ROOT / "tests" / "bin" / "fake-agent")
FREE = {"prices": {"command": {"input": 0, "output": 0}}}
CANARY = "canary-5e0f7d21c9"


def program(*arguments, **backend):
    """An agent that is a program."""
    command = [AGENT, *(str(word) for word in arguments)]
    return {"backend": {"type": "command", "command": command} | backend}


def shell(script, **backend):
    """An agent that is a line of shell."""
    command = ["sh", "-c", script]
    return {"backend": {"type": "command", "command": command} | backend}


def run(*arguments, env=None, top=FREE, seconds=40, **agents):
    """A run of these agents."""
    return massgen.run(
        *arguments,
        "What is it?",
        config=agents_config(agents, **top),
        env=env,
        seconds=seconds,
    )


def works(*arguments, top=FREE, env=None, **backend):
    """A run in which such a program, alone, comes to a final answer."""
    result = run(a=program(*arguments, **backend), top=top, env=env)
    assert result.code == 0 and result.winner == "a", result
    assert result.status["agents"]["a"]["error"] is None, result
    return result


def fails(agent, *words, limit=None, kind="command", attempts=1):
    """A run of a bad agent and a good one: only the first suffers."""
    top = FREE | ONE_TRY
    if limit is not None:
        top = top | {"timeout_settings": {"agent_timeout_seconds": limit}}
    result = run(good=program(), bad=agent, top=top)
    assert result.code == 0 and result.winner == "good", result
    bad = result.status["agents"]["bad"]
    assert bad["error"]["type"] == kind, result
    assert bad["attempts"] == attempts, result
    for word in words:
        assert word in bad["error"]["message"], result
    assert result.status["coordination"]["quorum"]["failed"] == 1, result
    return result


def answers_of(result, agent):
    """The answers that were accepted, oldest first."""
    return [
        path.read_text()
        for path in sorted(result.log_dir.glob(f"{agent}/*/answer.txt"))
    ]


def test_three_programs_come_to_a_vote():
    result = run(a=program(), b=program("ok-content"), c=program())
    assert result.code == 0, result
    assert result.answer == b"The final answer.", result
    for agent in result.status["agents"].values():
        assert agent["status"] in ("voted", "completed"), result
        assert agent["error"] is None and agent["attempts"] == 1, result
    assert sum(result.status["results"]["votes"].values()) == 3, result
    for name in ("a", "b", "c"):
        (answer,) = answers_of(result, name)
        assert answer.startswith("An answer of "), answer
        streamed = result.log_dir / "agent_outputs" / f"{name}.txt"
        assert '"action": "vote"' in streamed.read_text(), result


def test_programs_and_others_together():
    with llm.Server() as server:
        result = run(
            script=program(),
            mock=mock(),
            model=llm.agent(server, "ok"),
            env={"GROQ_API_KEY": llm.KEY},
        )
    assert result.code == 0, result
    for agent in result.status["agents"].values():
        assert agent["status"] in ("voted", "completed"), result


def test_what_a_program_is_told():
    result = works("log=log", "ok")
    tasks = [json.loads(line) for line in open("log", encoding="utf-8")]
    assert len(tasks) == 3, tasks
    for task in tasks:
        assert "What is it?" in task, task
        assert "tool" not in task.replace("call no tool", ""), task
    assert "(no answers available yet)" in tasks[0]
    assert "(YOUR ANSWER)" in tasks[1]
    assert "VOTING RESULTS: 1 vote" in tasks[2]
    context = (result.log_dir / "final" / "a" / "context.txt").read_text()
    assert "What is it?" in context, context


def test_the_system_message_is_told():
    agent = program("log=log", "ok") | {"system_message": "You are a pirate."}
    result = run(a=agent)
    assert result.code == 0, result
    for line in open("log", encoding="utf-8"):
        assert json.loads(line).startswith("You are a pirate."), line


def test_a_refused_vote_goes_back():
    result = works("log=log", "fails-first=mark")
    tasks = [json.loads(line) for line in open("log", encoding="utf-8")]
    assert "not accepted" not in tasks[0], tasks
    assert "was not accepted: " in tasks[1], tasks
    assert "agent99" in tasks[1], tasks
    assert len(answers_of(result, "a")) == 1, result


def test_first_words_are_an_answer_and_later_ones_are_not():
    result = fails(
        program("log=log", "no-decision"),
        "three attempts",
        kind="no_decision",
    )
    assert answers_of(result, "bad") == ["Just this."], result
    tasks = [json.loads(line) for line in open("log", encoding="utf-8")]
    assert len(tasks) == 4, len(tasks)
    assert "did not end with the line of JSON" in tasks[-1], tasks[-1]


def test_one_agent_alone_is_asked_once():
    top = FREE | {"ui": {"use_orchestrator_for_single_agent": False}}
    result = works("log=log", "say=Direct.", top=top)
    assert result.answer == b"Direct.", result
    (task,) = [json.loads(line) for line in open("log", encoding="utf-8")]
    assert task.rstrip().endswith("What is it?"), task
    assert "new_answer" not in task, task


def test_json_of_known_programs():
    for name, tokens, cost in (
        ("claude", (60, 30, 7), 0.25),
        ("codex", (100, 40, 20), 0),
        ("gemini", (50, 0, 7), 0),
    ):
        result = works(name, output="jsonl")
        assert result.answer == b"The final answer.", (name, result)
        usage = result.status["results"]["usage"]
        assert usage["call_count"] == 3, (name, usage)
        got = (
            usage["input_tokens"],
            usage["cached_input_tokens"],
            usage["output_tokens"],
        )
        assert got == tuple(3 * n for n in tokens), (name, usage)
        assert usage["estimated_cost"] == 3 * cost, (name, usage)


def test_fields_of_another_program():
    script = "cat >/dev/null; echo '{\"x\": {\"y\": \"Yes.\"}}'"
    top = FREE | {"ui": {"use_orchestrator_for_single_agent": False}}
    fields = {"text": "x.y"}
    result = run(
        a=shell(script, output="jsonl", output_fields=fields), top=top
    )
    assert result.answer == b"Yes.", result
    fails(shell(script, output="jsonl"), "no text", "1 JSON object")


def test_a_program_without_a_price_is_told_of():
    result = run(a=program(), top={})
    assert result.code == 0, result
    assert "has no price" in result.value("Warning"), result
    assert result.status["results"]["unpriced_models"] == ["command"], result


def test_failures_are_told():
    fails(program("exit=1"), "exited with code 1")
    fails(program("error=warn", "error=The end.", "exit=3"), "3: The end.")
    fails(program("error=\x1b[31mred\x07", "exit=1"), "red")
    fails(program("signal=9"), "signal 9")
    fails(
        shell("cat >/dev/null; echo '{\"error\":{\"message\":\"bust\"}}'",
              output="jsonl"),
        "reports an error: bust",
    )


def test_what_cannot_get_better_is_not_tried_again():
    top = FREE | {"orchestrator": {"max_restarts_per_agent": 3}}
    for agent, words in (
        (shell("exit 127"), "code 127"),
        (shell("exit 126"), "code 126"),
        ({"backend": {"type": "command", "command": ["/no/such"]}},
         "cannot be started: exec /no/such: No such file"),
        ({"backend": {"type": "command", "command": ["/"]}}, "/: "),
    ):
        result = run(good=program(), bad=agent, top=top)
        bad = result.status["agents"]["bad"]
        assert result.code == 0 and bad["attempts"] == 1, result
        assert words in bad["error"]["message"], result


def test_a_failure_is_tried_again():
    script = (
        f'[ -e mark ] && exec "{AGENT}"; cat >/dev/null; : >mark; exit 5'
    )
    result = run(a=shell(script))
    assert result.code == 0, result
    assert result.status["agents"]["a"]["attempts"] == 2, result


def test_hanging_programs_are_ended():
    fails(program("hang"), "timeout", limit=1.5, kind="timeout")
    fails(program("ignore-term"), "timeout", limit=1.5, kind="timeout")
    fails(program("stop"), "timeout", limit=1.5, kind="timeout")
    fails(program("daemon", "hang"), "timeout", limit=1.5, kind="timeout")


def test_nothing_is_left_behind():
    for word in ("daemon", "background", "tree=6"):
        result = works("ok", word)
        # found by the worker, call by call, and not by the supervisor
        kinds = {event["type"] for event in result.events}
        assert "answer" in kinds and "orphans" not in kinds, result


def test_a_program_that_closes_its_output_and_stays():
    result = run(a=program("close"))
    assert result.code == 0, result
    assert result.answer == b"The final answer.", result


def test_a_program_that_does_not_read():
    result = fails(
        program("unread"), "three attempts", kind="no_decision"
    )
    assert answers_of(result, "bad") == ["Unread."], result
    long = "x" * 3_000_000
    pathlib.Path("question").write_text(long)
    result = massgen.run(
        "--question-file",
        "question",
        config=agents_config(
            {"a": shell("exit 0"), "b": mock()}, **(FREE | ONE_TRY)
        ),
    )
    assert result.winner == "b", result


def test_a_long_task_and_a_long_answer():
    pathlib.Path("question").write_text("q" * 3_000_000)
    result = massgen.run(
        "--question-file",
        "question",
        config=agents_config({"a": program("bytes=3000000")}, **FREE),
    )
    assert result.code == 0, result
    assert answers_of(result, "a") == ["y" * 3_000_000]


def test_more_than_is_kept():
    result = works(f"bytes={40 * 1024 * 1024}")
    (answer,) = answers_of(result, "a")
    assert 16 * 1024 * 1024 - 200 < len(answer) < 16 * 1024 * 1024 + 200
    assert answer.startswith("yyy") and answer.endswith("yyy")
    assert " bytes left out ...]" in answer
    streamed = result.log_dir / "agent_outputs" / "a.txt"
    assert streamed.stat().st_size < 17 * 1024 * 1024, result


def test_floods_end():
    fails(program("flood"), "more than 256 MiB")
    fails(program("flood-error"), "more than 256 MiB")


def test_any_bytes():
    result = works("binary")
    (answer,) = answers_of(result, "a")
    assert answer.count("\ufffd") >= 128 * 64 and "\0" not in answer
    (answer,) = answers_of(works("nul"), "a")
    assert answer == "a\ufffdb"


def test_an_interrupt_ends_it_at_once():
    running = massgen.start(
        "Q?", config=agents_config({"a": program("tree=4", "say=x", "hang")}, **FREE)
    )
    wait_until(
        lambda: len(processes.descendants(running.pid)) >= 5,
        "the program and its children",
    )
    running.signal(signal.SIGINT)
    result = running.wait(20)
    massgen.assert_clean(result)
    assert result.code == 4, result
    # the worker heard of it, and left by itself
    assert result.status["agents"]["a"]["exit"]["signal"] is None, result


def test_a_killed_supervisor_leaves_nothing():
    running = massgen.start(
        "Q?", config=agents_config({"a": program("hang")}, **FREE)
    )
    wait_until(
        lambda: len(processes.descendants(running.pid)) >= 2, "the program"
    )
    left = processes.descendants(running.pid)
    running.signal(signal.SIGKILL)
    running.process.wait(10)
    marker = os.environ[processes.CASE_MARKER]
    wait_until(
        lambda: not {p.pid for p in left}
        & {
            p.pid
            for p in processes.find(processes.CASE_MARKER, marker)
        },
        "the end of worker and program",
    )


def test_who_computes_is_not_idle():
    script = f'[ -e mark ] && exec "{AGENT}"; : >mark; exec "$@"'
    command = ["sh", "-c", script, "sh", AGENT, "spin=8", "ok"]
    top = FREE | {"timeout_settings": {"agent_idle_timeout_seconds": 6}}
    result = run(
        a={"backend": {"type": "command", "command": command}}, top=top
    )
    assert result.code == 0, result
    assert result.status["agents"]["a"]["attempts"] == 1, result


def test_keys_are_not_handed_on():
    result = works(
        "env",
        env={
            "OPENAI_API_KEY": CANARY + "1",
            "SOME_TOKEN": CANARY + "2",
            "DB_PASSWORD": CANARY + "3",
            "PLAIN": "seen",
        },
    )
    (answer,) = answers_of(result, "a")
    assert CANARY not in answer, answer
    assert json.loads(answer)["PLAIN"] == "seen", answer


def test_what_the_configuration_hands_on():
    given = {"KEY_API_KEY": "${MY_API_KEY}", "PLAIN": "new", "N": 5}
    result = run(
        a=program("env", env=given),
        env={"MY_API_KEY": CANARY, "PLAIN": "seen"},
    )
    (answer,) = answers_of(result, "a")
    seen = json.loads(answer)
    assert seen["PLAIN"] == "new" and seen["N"] == "5", seen
    # it was there, and no file tells it
    assert seen["KEY_API_KEY"] == "*" * len(CANARY), seen
    assert not llm.files_with(result.log_dir, CANARY), result
    assert CANARY not in result.stdout + result.stderr, result


def test_the_working_directory():
    os.mkdir("there")
    result = works("pwd", cwd="there")
    (answer,) = answers_of(result, "a")
    assert answer == os.path.realpath("there"), answer
    result = massgen.run(
        "Q?", config=agents_config({"a": program(cwd="nowhere")}, **FREE)
    )
    assert result.code == 1, result
    assert "no directory" in result.stderr, result


def test_no_shell_comes_between():
    result = works("say=$HOME `id` ; *", "ok")
    (answer,) = answers_of(result, "a")
    assert answer.startswith("$HOME `id` ; *\n"), answer


def test_a_dry_run_starts_no_program():
    result = massgen.run(
        "--dry-run",
        "Q?",
        config=agents_config({"a": shell(": >started"), "b": program()}),
    )
    assert result.code == 0, result
    assert not os.path.exists("started")


def test_a_cost_limit_is_for_programs_that_cost_nothing():
    limit = {"orchestrator": {"max_cost_usd": 1}}
    config = agents_config({"a": program()}, **limit)
    result = massgen.run("Q?", config=config)
    assert result.code == 1, result
    assert "cost limit" in result.stderr, result
    result = run(a=program(), top=FREE | limit)
    assert result.code == 0, result


if __name__ == "__main__":
    harness.main()
