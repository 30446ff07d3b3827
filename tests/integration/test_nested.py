#!/usr/bin/python3
"""Runs that the tools of other runs start: leave, limits, money, the end."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import nested  # noqa: E402
import processes  # noqa: E402
from harness import limit, wait_until  # noqa: E402
from massgen import MASSGEN, ONE_TRY, agents_config, mock  # noqa: E402
from nested import (  # noqa: E402
    FOLLOW,
    FOREVER,
    HANG,
    acting,
    below,
    nest,
    says,
    shell,
    status_of,
)
from worker import call  # noqa: E402


def children(result):
    """The nested runs of a run that has ended."""
    return result.status["children"]


def text_of(result):
    """The final answer as text."""
    return result.answer.decode()


def answer_in(log_dir):
    """Likewise, of any run."""
    (path,) = pathlib.Path(log_dir).glob("final/*/answer.txt")
    return path.read_text()


# --- the case study ---


def explorer(name):
    """Starts a run in the background, follows it, reports its answer."""
    inner = agents_config({
        f"{name}1": mock({"answer": f"found by {name}", "delay_ms": 400,
                          "cost": 0.1,
                          "tokens": {"input": 7, "cached": 3, "output": 2}}),
        f"{name}2": mock({"vote": f"{name}1", "delay_ms": 100, "cost": 0.2}),
    })
    return acting({
        "tools": [
            call("start_background_shell",
                 command=nest(inner, question=f"of {name}", more=">out")),
            shell(FOLLOW),
        ],
        "answer": f"{name} read: {{{{stdout}}}}",
        "cost": 0.3,
    })


def test_the_case_study_with_two_agents_at_once():
    running = massgen.start(
        "outer", config=agents_config({"a": explorer("a"), "b": explorer("b")})
    )
    status = running.wait_status(
        lambda s: len([c for c in s["children"] if c["state"] == "running"])
        == 2, "two nested runs at once")
    assert {c["agent"] for c in status["children"]} == {"a", "b"}, status
    assert {c["question"] for c in status["children"]} == {"of a", "of b"}
    for agent in status["agents"].values():
        assert agent["activity"] == "waiting_child", agent
    result = running.wait()
    massgen.assert_clean(result)
    assert result.code == 0, result
    assert nested.assert_family(result.log_dir) == 3
    for child in children(result):
        assert child["state"] == "ended" and child["exit_code"] == 0, child
        assert child["completion_percentage"] == 100, child
        assert child["max_cost_usd"] is None, child
        assert child["estimated_cost"] > 0, child
        name = child["agent"]
        (answer,) = [p.read_text() for p in
                     result.log_dir.glob(f"{name}/*/answer.txt")]
        assert answer == f"{name} read: found by {name}", answer
    types = [e["type"] for e in result.events]
    assert types.count("child_opened") == types.count("child_ended") == 2
    assert types.count("child_state") >= 2, types


def test_the_same_in_a_dry_run():
    result = nested.run("--dry-run", config={"a": explorer("a"),
                                             "b": explorer("b")})
    assert result.code == 0, result
    assert [c["state"] for c in children(result)] == ["ended"] * 2, result
    assert "read: found by" in text_of(result), result


def assert_meta(name, *words):
    """A shipped configuration plays the case study, with nobody's key."""
    result = massgen.run("--dry-run", "Run an experiment.",
                         config=f"@examples/meta/{name}")
    assert result.code == 0 and result.winner == "agent_a", result
    assert nested.assert_family(result.log_dir) == 2
    (child,) = children(result)
    assert child["state"] == "ended" and child["exit_code"] == 0, child
    assert child["agent"] == "agent_a", child
    assert "Bob Dylan" in child["question"], child
    inner = answer_in(child["log_dir"])
    assert inner in text_of(result) and inner, result
    table = (result.log_dir / "coordination_table.txt").read_text()
    assert f"NESTED RUN 1: {child['session_id']}" in table, table
    assert "NESTED RUN 1: ended" in table, table
    for word in words:
        assert word in text_of(result), result


def test_what_a_person_is_shown():
    done = massgen.plain("--dry-run", "--config",
                         "@examples/meta/massgen_runs_massgen", "Q")
    assert done.code == 0, done
    for line in ("agent_a      started a nested run: Create a simple",
                 "agent_a      nested run 1 ended"):
        assert line in done.stderr, done


def test_massgen_runs_massgen():
    assert_meta("massgen_runs_massgen", "Phase: presentation (100%)",
                "Reason: votes=2")


def test_massgen_suggests_to_improve_massgen():
    assert_meta("massgen_suggests_to_improve_massgen", "It took ",
                "let them be stricter")


# --- what is found, and what is not ---


def test_what_a_tool_finds():
    result = nested.run("--max-cost", "8", "--orchestrator-timeout", "100",
                        config={"a": acting(says("env"))})
    env = dict(line.split("=", 1) for line in text_of(result).splitlines()
               if "=" in line)
    assert env["MASSGEN_PARENT"] == f"{result.log_dir}/children/agent1", env
    assert env["MASSGEN_RUN_ID"].startswith(result.log_dir.name + "."), env
    assert env["MASSGEN_DEPTH"] == "0", env
    assert env["MASSGEN_BUDGET_USD"] == "8", env
    left = int(env["MASSGEN_DEADLINE"]) - result.status["meta"]["start_time"]
    assert 80 < left <= 100, env
    assert env["PATH"].split(":")[-1] == str(MASSGEN.parent), env


def test_what_a_program_that_is_an_agent_finds():
    script = (f"{MASSGEN} --automation --dry-run inner >>log; "
              "echo PATH is $PATH >>log; echo words")
    env = {"PATH": "/usr/bin:/bin:/mine", "MASSGEN_PARENT": "/nowhere"}
    agent = {"backend": {"type": "command", "command": ["sh", "-c", script],
                         "env": env}}
    result = massgen.run(
        "outer", config=agents_config({"a": agent}, **ONE_TRY))
    assert children(result), result
    nested.assert_adds_up(result.status)
    massgen.assert_replays(result.log_dir)
    for child in children(result):
        assert child["agent"] == "a" and child["state"] == "ended", child
        assert child["exit_code"] == 0, child
    log = pathlib.Path("log").read_text()
    assert "PATH is /usr/bin:/bin:/mine\n" in log, log
    assert "Exit code: 0" in log, log


def test_a_nested_run_says_whose_it_is():
    result = nested.run(config={"a": acting(says(nest()))})
    (child,) = children(result)
    meta = status_of(child["log_dir"])["meta"]
    assert meta["parent_session"] == result.log_dir.name, meta
    assert meta["nesting_depth"] == 1, meta
    assert result.status["meta"]["parent_session"] is None
    assert result.status["meta"]["nesting_depth"] == 0


def fails_alone(parent, *words, seconds=8):
    """A run that is told of a parent which is none."""
    started = time.monotonic()
    result = massgen.run("--dry-run", "q", env={"MASSGEN_PARENT": parent})
    assert result.code == 1, result
    assert result.status["meta"]["outcome"] == "config_error", result
    for word in (*words, "MASSGEN_PARENT"):
        assert word in result.value("Error"), result
    assert time.monotonic() - started < seconds
    assert not (result.log_dir / "events.ndjson").exists(), result


def test_a_parent_that_is_not_there():
    fails_alone("/nowhere", "/nowhere", "No such file")
    pathlib.Path("d").mkdir()
    fails_alone(str(pathlib.Path("d").absolute()), "No such file")
    os.mkfifo("d/door")
    fails_alone(str(pathlib.Path("d").absolute()), "No such device")
    pathlib.Path("d/door").unlink()
    pathlib.Path("d/door").write_text("")
    fails_alone(str(pathlib.Path("d").absolute()), "No such device")
    assert os.listdir("d") == ["door"], os.listdir("d")


def test_a_parent_that_does_not_answer():
    pathlib.Path("d").mkdir()
    os.mkfifo("d/door")
    door = os.open("d/door", os.O_RDWR)
    fails_alone(str(pathlib.Path("d").absolute()), "does not answer",
                seconds=20)
    line = os.read(door, 65536).decode()
    assert json.loads(line)["type"] == "open", line
    os.close(door)
    assert os.listdir("d") == ["door"], os.listdir("d")


def test_an_answer_that_makes_no_sense():
    pathlib.Path("d").mkdir()
    os.mkfifo("d/door")
    door = os.open("d/door", os.O_RDWR)
    running = massgen.start(
        "--dry-run", "q", env={"MASSGEN_PARENT": os.path.abspath("d")})
    name = json.loads(os.read(door, 65536))["name"]
    down = os.open(f"d/{name}", os.O_WRONLY)
    os.write(down, b"\0garbage\n{\"type\":\"grant\"}\n" + b"x" * 4000 + b"\n")
    os.close(down)
    result = running.wait()
    massgen.assert_clean(result)
    assert result.code == 1, result
    assert "is gone" in result.value("Error"), result
    os.close(door)


def test_what_a_nested_run_says():
    pathlib.Path("d").mkdir()
    os.mkfifo("d/door")
    door = os.open("d/door", os.O_RDWR | os.O_NONBLOCK)
    running = massgen.start("q", env={"MASSGEN_PARENT": os.path.abspath("d")},
                            config=agents_config({"a": mock({
                                "answer": "x", "cost": 0.1, "stream": {
                                    "chunks": 300, "bytes": 10,
                                    "interval_ms": 5}})}))
    said = []

    def hear():
        try:
            said.extend(json.loads(line) for line in
                        os.read(door, 1 << 20).splitlines() if line)
        except BlockingIOError:
            pass
        return said

    wait_until(hear, "it asks")
    assert said[0]["type"] == "open", said
    assert said[0]["question"] == "q", said
    assert said[0]["timeout_ms"] == 1800000, said
    down = os.open(f"d/{said[0]['name']}", os.O_WRONLY)
    token = "7" * 32
    os.write(down, json.dumps({
        "type": "grant", "token": token, "parent": "log_p", "depth": 2,
        "max_depth": 3, "max_runs": 64, "left_ms": 60000,
        "budget_usd": 0.0}).encode() + b"\n")
    started = time.monotonic()
    running.wait_status(
        lambda s: s["coordination"]["completion_percentage"] == 100, "100")
    seconds = time.monotonic() - started
    # whoever sees 100 knows that the parent has the last word
    hear()
    assert [m["type"] for m in said[1:]] == ["state"] * (len(said) - 2) + [
        "end"], said
    assert 2 <= len(said) - 2 <= 2 * seconds + 1, (seconds, said)
    assert all(m["token"] == token for m in said[1:]), said
    assert said[-1]["cost"] == 0.1 and said[-1]["exit_code"] == 0, said
    result = running.wait()
    massgen.assert_clean(result)
    meta = result.status["meta"]
    assert meta["parent_session"] == "log_p", meta
    assert meta["nesting_depth"] == 2, meta
    assert os.listdir("d") == ["door"], os.listdir("d")
    os.close(down)
    os.close(door)


# --- depth and number ---


def tower(height, **top):
    """A run in whose tool is a run in whose tool is ... height runs."""
    if height == 0:
        return None
    return agents_config({
        f"h{height}": acting(says(nest(tower(height - 1, **top)) + " 2>&1"))
    }, **top)


def test_three_deep_and_no_deeper():
    result = nested.run(config=tower(4))
    assert result.code == 0, result
    assert nested.assert_family(result.log_dir) == 4
    directory = result.log_dir
    for depth in range(1, 4):
        ((_, directory),) = below(directory).items()
        assert status_of(directory)["meta"]["nesting_depth"] == depth
    ((_, fourth),) = below(directory).items()
    meta = status_of(fourth)["meta"]
    assert meta["outcome"] == "config_error" and meta["exit_code"] == 1, meta
    assert "4 deep, and the limit is 3" in meta["error"], meta
    # it came to nothing in the third one, which nevertheless answered
    assert status_of(directory)["children"] == []
    assert "refused" in (directory / "events.ndjson").read_text()
    for line in ("Error: this nested run is refused: ", "Exit code: 1"):
        assert line in answer_in(directory), result


def test_the_depth_that_is_configured():
    top = {"orchestrator": {"max_nesting_depth": 1}}
    result = nested.run(config=tower(2, **top))
    assert nested.assert_family(result.log_dir) == 2
    ((_, inner),) = below(result.log_dir).items()
    assert "2 deep, and the limit is 1" in answer_in(inner), result
    # a nested run cannot allow itself more than it was
    inner = tower(2, orchestrator={"max_nesting_depth": 6})
    result = nested.run(config=agents_config({"a": acting(says(nest(inner)))},
                                             **top))
    assert nested.assert_family(result.log_dir) == 2
    ((_, inner),) = below(result.log_dir).items()
    assert "2 deep, and the limit is 1" in answer_in(inner), result


def test_as_many_at_once_as_is_configured():
    inner = agents_config({"i": mock({"answer": "x", "delay_ms": 500})})
    command = nest(inner, more=">out1 & ") + (
        "until grep -q Starting out1; do sleep 0.01; done; "
        + nest(question="too many", more=">out2; ")
        + "wait; " + nest(question="again", more=">out3; ")
        + "cat out2; tail -n 1 out1 out3")
    result = nested.run(config=agents_config(
        {"a": acting(says(command))}, orchestrator={"max_nested_runs": 1}))
    text = text_of(result)
    assert "1 nested runs are under way, which is the limit" in text, text
    assert text.count("Exit code: 0") == 2, text
    assert len(children(result)) == 2, result


# --- time ---


def test_a_nested_run_that_times_out():
    inner = agents_config({"i": mock(HANG)}, **FOREVER)
    result = nested.run(config={
        "a": acting(says(nest(inner, "--orchestrator-timeout", "1")))})
    assert result.code == 0, result
    (child,) = children(result)
    assert child["state"] == "ended" and child["exit_code"] == 3, child
    assert "Error: the time limit of 1 s" in text_of(result), result
    assert "Exit code: 3" in text_of(result), result


def test_a_nested_run_ends_before_its_parent():
    inner = agents_config({"i": mock(HANG, HANG, HANG)}, **FOREVER)
    result = nested.run("--orchestrator-timeout", "8", "--agent-timeout", "6",
                        config={"a": acting(says(nest(inner)))})
    assert result.code == 0, result
    (child,) = children(result)
    assert child["exit_code"] == 3, child
    elapsed = status_of(child["log_dir"])["meta"]["elapsed_seconds"]
    assert 2 < elapsed < 4.5, elapsed
    assert "the time limit of" in text_of(result), result


def test_too_little_time():
    result = nested.run("--orchestrator-timeout", "2.5",
                        config={"a": acting(says(nest()))})
    assert result.code == 0, result
    assert "too little time is left" in text_of(result), result
    assert children(result) == [], result


# --- money ---


def test_a_key_in_a_nested_question_is_hidden():
    key = "sk-" + "0123456789abcdef" * 2
    inner = nest(question="say", more=">out; cat out").replace(
        "'say'", '"say $MY_API_KEY"')
    agent = acting(says(inner))
    agent["backend"]["command_line_pass_env"] = ["MY_API_KEY"]
    result = nested.run(config={"a": agent}, env={"MY_API_KEY": key})
    (child,) = children(result)
    assert child["question"] == "say " + "*" * len(key), child
    for name in ("status.json", "events.ndjson"):
        assert key not in (result.log_dir / name).read_text(), name


def spender(cost, **top):
    """A nested run of one call."""
    return agents_config({"i": mock({"answer": "bought", "cost": cost})},
                         **top)


def test_money_comes_back():
    command = "\n".join((
        nest(spender(0.25), "--max-cost", "1"),
        nest(spender(0.5)),
        nest(spender(0.1), "--max-cost", "99"),
    ))
    result = nested.run("--max-cost", "3", config={"a": acting(
        says(command) | {"cost": 0.125})})
    assert result.code == 0, result
    leases = [c["max_cost_usd"] for c in children(result)]
    assert leases == [1, (2.875 - 0.25) / 2, 2.875 - 0.75], leases
    assert [c["estimated_cost"] for c in children(result)] == [
        0.25, 0.5, 0.1], result
    assert result.status["results"]["estimated_cost"] == 0.125 + 0.25 + 0.5 + (
        0.1), result


def test_over_budget():
    command = nest(spender(3)) + "\n" + nest(spender(3), "--max-cost", "9")
    result = nested.run("--max-cost", "4", config={"a": acting(says(command))})
    assert result.code == 0, result
    leases = [c["max_cost_usd"] for c in children(result)]
    assert leases[0] == 2, leases
    for child in children(result):
        assert child["estimated_cost"] <= child["max_cost_usd"], child
    assert result.status["results"]["estimated_cost"] <= 4, result


def test_nothing_left_to_spend():
    command = nest(spender(1), "--max-cost", "1") + "\n" + nest(spender(1))
    agent = acting(says(command))
    agent["backend"]["max_cost_usd"] = 1
    result = nested.run(config={"a": agent})
    assert "the cost limit leaves it nothing to spend" in text_of(result)
    (child,) = children(result)
    assert child["estimated_cost"] == 1, child


def test_a_limit_from_above_needs_prices():
    inner = agents_config({"i": {"backend": {
        "type": "groq", "model": "nobody/knows-this",
        "base_url": "http://127.0.0.1:1"}}})
    command = nest(inner).replace(f"{MASSGEN} ", f"GROQ_API_KEY=x {MASSGEN} ")
    result = massgen.run("--max-cost", "4", "outer", config=agents_config(
        {"a": acting(says(command + "\n" + nest(spender(0.5))))}))
    assert result.code == 0, result
    one, two = children(result)
    assert one["state"] == "ended" and one["exit_code"] == 1, one
    assert one["max_cost_usd"] == 2 and one["estimated_cost"] == 0, one
    error = status_of(one["log_dir"])["meta"]["error"]
    assert "nobody/knows-this" in error and "price" in error, error
    # it gave back what it did not spend
    assert two["max_cost_usd"] == 2 and two["exit_code"] == 0, two
    nested.assert_adds_up(result.status)


# a call of the fake server's costs CALL, and could cost OUTPUT and more
PRICE = {"input": 3, "cached": 0.3, "output": 15}
CALL = 0.000492
OUTPUT = 8192 * 15 / 1e6


def ask_models(server, limit):
    """A run under a limit, whose tool has a key and starts one of models."""
    inner = agents_config({"m": llm.agent(server, "ok"),
                           "n": llm.agent(server, "ok")},
                          prices={"ok": PRICE})
    agent = acting(says(nest(inner)))
    agent["backend"] |= {"command_line_network": "host",
                         "command_line_pass_env": ["GROQ_API_KEY"]}
    result = nested.run("--max-cost", str(limit), config={"a": agent},
                        env={"GROQ_API_KEY": llm.KEY})
    assert not llm.files_with(result.log_dir, llm.KEY)
    (child,) = children(result)
    return result, child


def test_models_in_a_nested_run():
    with llm.Server() as server:
        result, child = ask_models(server, 4 * OUTPUT + 0.1)
        calls = len(server.requests())
    assert result.code == 0 and child["exit_code"] == 0, result
    # two answers, or one that both vote for; then it is presented
    assert child["usage"]["call_count"] == calls >= 4, child
    total = 0.0
    for agent in status_of(child["log_dir"])["agents"].values():
        cost = 0.0
        for _ in range(agent["usage"]["call_count"]):
            cost += CALL
        assert agent["usage"]["estimated_cost"] == cost, agent
        total += cost
    assert result.status["results"]["estimated_cost"] == total, result


def test_a_model_that_could_cost_more_than_was_given_is_not_asked():
    with llm.Server() as server:
        result, child = ask_models(server, 2 * OUTPUT - 0.01)
        assert server.requests() == []
    assert result.code == 0 and child["exit_code"] == 2, result
    assert child["estimated_cost"] == 0, child
    assert "cost limit" in text_of(result), result


# --- the end, by whatever ---

# Starts a nested run in the background and waits until it is under way.
UNDER_WAY = "until grep -q Starting {0}; do sleep 0.01; done\n"


def hanging(question="inner", name="inner", seconds=3600):
    """A nested run that goes on until somebody ends it."""
    inner = agents_config(
        {"i": mock({"answer": "so far", "cost": 0.5}, HANG)},
        timeout_settings={"agent_idle_timeout_seconds": 3600,
                          "orchestrator_timeout_seconds": seconds})
    return (nest(inner, question=question, name=name,
                 more=f">{name}.out 2>&1 &\n")
            + f"{name}=$!\n" + UNDER_WAY.format(f"{name}.out"))


def test_a_nested_run_that_is_killed():
    command = hanging() + (
        "until grep -q 0.5 .massgen/massgen_logs/*/status.json; "
        "do sleep 0.01; done\n"
        "kill -9 $inner; wait $inner; echo killed: $?\n" + nest())
    result = nested.run(config={"a": acting(says(command))}, killed=1)
    assert result.code == 0, result
    assert "killed: 137" in text_of(result), result
    lost, later = children(result)
    assert lost["state"] == "lost" and lost["exit_code"] is None, lost
    assert later["state"] == "ended", later


def test_who_is_killed_has_spent_all_of_it():
    command = hanging() + "kill -9 $inner; wait $inner\n" + nest(spender(1))
    result = nested.run("--max-cost", "8", killed=1,
                        config={"a": acting(says(command))})
    lost, later = children(result)
    assert lost["state"] == "lost" and lost["max_cost_usd"] == 4, lost
    assert lost["estimated_cost"] == 4, lost
    assert later["max_cost_usd"] == 2, later
    assert result.status["results"]["estimated_cost"] == 5, result


def is_there(process):
    """Whether it still runs, and is not another with its number."""
    try:
        now = processes._read(process.pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return now.state not in "ZX" and now.command == process.command


def wait_gone(found, seconds=15):
    """Wait until none of these processes is left."""
    assert found
    wait_until(lambda: not any(is_there(p) for p in found),
               f"gone: {[str(p) for p in found]}", seconds)


def family(depth, deepest):
    """A run whose tool starts one that ... and the last one, `deepest`."""
    if depth == 0:
        return deepest
    return nest(agents_config(
        {f"d{depth}": acting(says(family(depth - 1, deepest)))}, **FOREVER))


def start_family(depth, sandbox="auto"):
    """One run within the other, the innermost of which goes on for ever;
    the running one and the run directories, outermost first."""
    command = family(depth - 1, hanging() + "wait\n")
    running = massgen.start("outer", config=agents_config(
        {"a": acting(says(command), sandbox=sandbox)}, **FOREVER))
    dirs = [running.log_dir]

    def innermost():
        path = dirs[0]
        for _ in range(depth):
            found = list(below(path))
            if not found:
                return None
            path = below(path)[found[0]]
            if path not in dirs:
                dirs.append(path)
        text = path / "status.json"
        return text.exists() and '"answer_count": 1' in text.read_text()

    wait_until(innermost, "the innermost run answers", 20)
    return running, dirs


def test_an_interrupt_ends_all():
    running, dirs = start_family(3)
    found = processes.descendants(running.pid)
    assert len(found) > 9, found
    running.signal(signal.SIGINT)
    result = running.wait()
    massgen.assert_clean(result)
    assert result.code == 4, result
    wait_gone(found)
    for path in dirs:
        status = status_of(path)
        assert status["meta"]["outcome"] == "interrupted", status
        assert not massgen.schema_errors(status)
        nested.assert_adds_up(status)
        massgen.assert_replays(path)


def killed_parent(depth, sandbox):
    """The supervisor of the outermost run alone is killed."""
    running, dirs = start_family(depth, sandbox)
    found = processes.descendants(running.pid)
    running.signal(signal.SIGKILL)
    assert running.wait().code == -signal.SIGKILL
    wait_gone(found)
    assert status_of(dirs[0])["meta"]["outcome"] == "running"


def test_signals_from_all_sides_are_one():
    command = hanging() + (
        "kill -TERM $inner; kill -TERM $inner; kill -INT $inner\n"
        "wait $inner; grep Exit inner.out")
    result = nested.run(config={"a": acting(says(command))})
    assert text_of(result) == "Exit code: 4", result
    (child,) = children(result)
    assert child["state"] == "ended" and child["exit_code"] == 4, child
    log = pathlib.Path(child["log_dir"], "massgen.log").read_text()
    assert "twice" not in log, log


def test_a_killed_parent_takes_all_with_it():
    killed_parent(3, "auto")


def test_a_killed_parent_without_walls():
    killed_parent(2, "off")


def test_a_killed_run_in_the_middle_takes_those_below():
    running, dirs = start_family(2)
    found = {p.pid: p for p in processes.descendants(running.pid)}
    inner = [p for p in found.values()
             if p.command.startswith(f"{MASSGEN} ")]
    # the tools' shells have the same words in them, but not in front
    middle = min(inner, key=lambda p: p.pid)
    lower = [*processes.descendants(middle.pid), middle]
    assert len(inner) == 2 and len(lower) > 3, found
    os.kill(middle.pid, signal.SIGKILL)
    wait_gone(lower)
    result = running.wait()
    massgen.assert_final_status(result)
    assert result.code == 0, result
    (child,) = children(result)
    assert child["state"] == "lost", child


def stop_and_kill(running, found):
    """Kill a run and these below it, as if in one instant.

    From the bottom up: a process that is stopped and becomes an orphan is
    told to go on, and would clean up after all.
    """
    pids = [running.pid, *(p.pid for p in found)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGKILL)
    assert running.wait().code == -signal.SIGKILL


def kill_at_once(running):
    """Kill a run and what would clean up behind it; returns who is left."""
    whole = processes.descendants(running.pid)
    workers = [p for p in whole if p.parent == running.pid]
    keepers = workers + [p for p in whole
                         if p.parent in [w.pid for w in workers]]
    assert len(keepers) == 2, keepers
    stop_and_kill(running, keepers)
    return [p for p in whole if p not in keepers]


# Without walls, and out of sight of whatever looks for it.
STRAYS = "setsid sh -c 'sleep 3600 & exec sleep 3600' </dev/null &\n"


def test_who_lost_its_parent_ends_by_itself():
    running, dirs = start_family(2, sandbox="off")
    left = [p for p in kill_at_once(running) if "massgen" in p.command]
    assert left
    wait_gone(left)
    for path in dirs[1:]:
        status = status_of(path)
        assert status["meta"]["outcome"] == "interrupted", status
        assert status["coordination"]["completion_percentage"] == 100
        massgen.assert_replays(path)
    (answer,) = dirs[-1].glob("final/i/answer.txt")
    assert answer.read_text() == "so far"


# --- what is left behind ---


def gc(*arguments, cwd=None):
    """massgen gc: what it said."""
    result = massgen.plain("gc", *arguments, cwd=cwd)
    assert result.code == 0, result
    return result.stdout


def start_strays():
    """A run without walls whose tool leaves processes behind; these."""
    pathlib.Path("up").unlink(missing_ok=True)
    up = os.path.abspath("up")
    running = massgen.start("outer", config=agents_config(
        {"a": acting(says(f"{STRAYS} touch {up}; sleep 3600"),
                     sandbox="off")}, **FOREVER))
    wait_until(lambda: os.path.exists("up"), "the tool is under way")

    def strays():
        found = [p for p in processes.descendants(running.pid)
                 if p.command == "sleep 3600"]
        return found if len(found) == 3 else None

    return running, wait_until(strays, "three who sleep")


def test_gc_ends_what_dead_runs_left_and_no_more():
    dead, strays = start_strays()
    alive, others = start_strays()
    log_dir = dead.log_dir
    (log_dir / "status.json.17.tmp").write_text("{")
    kill_at_once(dead)
    assert sum(is_there(p) for p in strays) >= 2
    said = gc()
    # the two that hid; the tool's own may have gone before
    ended = re.search(rf"{log_dir.name}: (\d+) processes ended", said)
    assert ended and int(ended[1]) >= 2, said
    assert "1 run cleaned up" in said, said
    wait_gone(strays)
    left = [n for n in ("children", "run.lock", "tmp", "ballast",
                        "status.json.17.tmp") if (log_dir / n).exists()]
    assert not left, left
    assert (log_dir / "status.json").exists()
    assert "0 runs cleaned up" in gc(), "twice"
    # who lives is not touched
    assert all(is_there(p) for p in others)
    assert (alive.log_dir / "run.lock").exists()
    alive.signal(signal.SIGINT)
    result = alive.wait()
    massgen.assert_final_status(result)
    assert result.code == 4, result
    wait_gone(others)


def test_gc_ends_what_a_run_in_a_dead_run_left():
    inner = agents_config({"n": acting(
        says(f"{STRAYS} sleep 3600"), sandbox="off")}, **FOREVER)
    elsewhere = os.path.abspath("elsewhere")
    running = massgen.start("outer", config=agents_config(
        {"a": acting(says(nest(inner, "--log-root", elsewhere)),
                     sandbox="off")}, **FOREVER))

    def sleepers():
        found = processes.descendants(running.pid)
        strays = [p for p in found if p.command == "sleep 3600"]
        return (found, strays) if len(strays) == 3 else None

    found, strays = wait_until(sleepers, "three who sleep")
    stop_and_kill(running, [p for p in found if p not in strays])
    assert sum(is_there(p) for p in strays) >= 2
    # the inner run's directory is not among those that are looked at
    ended = re.search(r": (\d+) processes ended", gc())
    assert ended and int(ended[1]) >= 2, ended
    wait_gone(strays)


def test_gc_finds_what_is_nested():
    running, dirs = start_family(2)
    found = processes.descendants(running.pid)
    running.signal(signal.SIGKILL)
    running.wait()
    wait_gone(found)
    said = gc(os.path.abspath(".massgen/massgen_logs"))
    assert f"{dirs[0]}: " in said, said
    for path in dirs:
        assert not (path / "run.lock").exists(), path
        assert not massgen.temporary_files(path / "final"), path


def test_gc_believes_no_file():
    root = pathlib.Path("logs")
    bad = root / "log_20200101_000000_000000"
    bad.mkdir(parents=True)
    (bad / "tmp").mkdir()
    for text in ("", "1", "x.", "../../x", "\0" * 100, "a" * 10000,
                 "MASSGEN", "/.0123456789abcdef0123456789abcdef"):
        (bad / "run.lock").write_text(text)
        assert gc("logs") == "0 runs cleaned up\n", text
    (bad / "run.lock").unlink()
    os.mkfifo(bad / "run.lock")
    assert gc("logs") == "0 runs cleaned up\n"
    (bad / "run.lock").unlink()
    (bad / "run.lock").symlink_to("/etc/passwd")
    assert gc("logs") == "0 runs cleaned up\n"
    assert (bad / "tmp").is_dir()


def test_gc_follows_nobodys_symlink():
    precious = pathlib.Path("precious")
    (precious / "tmp").mkdir(parents=True)
    (precious / ".agent1-1").mkdir()
    (precious / "run.lock").write_text(f"x.{'0' * 32}")
    fake = pathlib.Path("logs/log_1")
    fake.mkdir(parents=True)
    (fake / "run.lock").write_text(f"y.{'0' * 32}")
    for name in ("snapshots", "tmp", "children", "ballast", "workspaces"):
        (fake / name).symlink_to(precious.absolute())
    (fake.parent / "log_2").symlink_to(precious.absolute())
    evil = fake.parent / "log_\x1b[2J"
    evil.mkdir()
    (evil / "run.lock").write_text(f"z.{'0' * 32}")
    said = gc("logs")
    assert said.endswith("1 run cleaned up\n") and "\x1b" not in said, said
    assert sorted(os.listdir(precious)) == [".agent1-1", "run.lock", "tmp"]
    assert (evil / "run.lock").exists()


def test_gc_can_be_interrupted():
    fake = pathlib.Path("logs/log_1")
    fake.mkdir(parents=True)
    (fake / "run.lock").write_text(f"y.{'0' * 32}")

    def interrupted():
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
        os.kill(os.getpid(), number)

    for number in (signal.SIGINT, signal.SIGTERM):
        done = subprocess.run([MASSGEN, "gc", "logs"], preexec_fn=interrupted,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 4, done
        assert done.stdout == "0 runs cleaned up\n", done
        assert (fake / "run.lock").exists()
    assert gc("logs").endswith("1 run cleaned up\n")
    assert not (fake / "run.lock").exists()


def test_gc_and_its_usage():
    assert gc() == "0 runs cleaned up\n"
    for arguments in (["a", "b"], ["-x"], ["/nowhere"], [""]):
        result = massgen.plain("gc", *arguments)
        assert result.code == 1 and result.stderr, result


# --- who lies ---

GARBAGE = r"""
cd "$MASSGEN_PARENT" || exit 1
printf 'no json\n' >door
printf '{"type":"open"}\n[]\n{}\n"x"\n\000\001\377\n' >door
printf '{"type":"open","name":"../../../x.down","session_id":"a",' >door
printf '"log_dir":"/a","question":"q","timeout_ms":1,"max_cost_usd":0}\n' >door
head -c 100000 /dev/zero | tr '\0' x >door
printf '\n{"type":"end","token":"x","exit_code":0,"input_tokens":1,' >door
printf '"cached_input_tokens":0,"output_tokens":0,"reasoning_tokens":0,' >door
printf '"calls":1,"unpriced_calls":0,"cost":-5}\n' >door
head -c 30000 /dev/urandom >door
printf 'unfinished' >door
cd "$OLDPWD"
"""


def test_garbage_at_the_door():
    result = nested.run("--max-cost", "8", config={
        "a": acting(says(GARBAGE + nest(spender(0.5))))})
    assert result.code == 0, result
    (child,) = children(result)
    assert child["state"] == "ended", child
    assert child["estimated_cost"] == 0.5, child
    log = (result.log_dir / "massgen.log").read_text()
    assert 1 <= log.count("was not understood") <= 8, log


LIAR = r"""
import json, os, sys, time
d = os.environ["MASSGEN_PARENT"]
def ask(name):
    os.mkfifo(f"{d}/{name}.down")
    down = os.open(f"{d}/{name}.down", os.O_RDONLY | os.O_NONBLOCK)
    say({"type": "open", "name": name + ".down", "session_id": "log_x",
         "log_dir": "/x", "question": "q\n\x1b[2J", "timeout_ms": 0,
         "max_cost_usd": 0})
    while True:
        try:
            text = os.read(down, 65536)
            if text:
                return down, json.loads(text)
        except BlockingIOError:
            pass
        time.sleep(0.01)
def say(o):
    with open(f"{d}/door", "w") as f:
        f.write("\n" + json.dumps(o) + "\n")
def word(kind, token, cost, **more):
    say({"type": kind, "token": token, "input_tokens": -7,
         "cached_input_tokens": 0, "output_tokens": 2**62,
         "reasoning_tokens": 0, "calls": 3, "unpriced_calls": 0,
         "cost": cost} | more)
one, grant = ask("0" * 32)
token = grant["token"]
word("state", token, 1e300, percent=10**15)
word("state", token, -3, percent=-5)
word("state", "f" * 32, 7, percent=50)
word("end", token, 0, exit_code=99)
word("end", token, 4, exit_code=0)
two, grant = ask("1" * 32)
os.close(two)
print(json.dumps(grant))
"""


def test_lies_are_bounded():
    pathlib.Path("liar.py").write_text(LIAR)
    script = f"cat >liar.py <<'end'\n{LIAR}\nend\npython3 liar.py"
    config = agents_config({"a": acting(says(script))})
    result = massgen.run("--max-cost", "8", "outer", config=config)
    assert result.code == 0, result
    status = result.status
    nested.assert_adds_up(status)
    massgen.assert_replays(result.log_dir)
    one, two = status["children"]
    assert one["state"] == "ended" and one["exit_code"] == 2, one
    assert one["estimated_cost"] == one["max_cost_usd"] == 4, one
    assert one["question"].isprintable(), one
    assert one["usage"]["input_tokens"] == 0, one
    assert two["state"] == "lost" and two["estimated_cost"] == 2, two


# --- many ---

MANY = """
i=0
while [ $i -lt {count} ]; do
    {massgen} --automation --config {config} "q $i" >out$i &
    i=$((i + 1))
done
wait
cat out*
"""


@limit(150)
def test_a_hundred_from_four():
    inner = agents_config({
        "x": mock({"answer": "one", "cost": 0.1,
                   "tokens": {"input": 3, "cached": 1, "output": 2}}),
        "y": mock({"vote": "x", "cost": 0.7}),
    })
    text = json.dumps(inner)
    script = f"cat >inner.yaml <<'end'\n{text}\nend\n" + MANY.format(
        count=25, massgen=MASSGEN, config="inner.yaml")
    started = [
        massgen.start("outer", config=massgen.write_config(
            agents_config({f"p{n}": acting(says(script))}), f"p{n}.yaml"))
        for n in range(4)
    ]
    seen = set()
    for result in [running.wait(120) for running in started]:
        massgen.assert_clean(result)
        assert result.code == 0, result
        assert nested.assert_family(result.log_dir) == 26
        assert text_of(result).count("Exit code: 0") == 25, result
        assert [c["exit_code"] for c in children(result)] == [0] * 25, result
        assert {c["question"] for c in children(result)} == {
            f"q {n}" for n in range(25)}
        for child in children(result):
            assert child["estimated_cost"] > 0.7, child
        seen |= {c["log_dir"] for c in children(result)}
    assert len(seen) == 100


if __name__ == "__main__":
    harness.main()
