"""Runs that tools of other runs start: scripts for them, and what holds."""

import hashlib
import json
import pathlib

import massgen
from massgen import MASSGEN, agents_config
from worker import call

# As the case study has it: find the run, watch it, read what came of it.
FOLLOW = r"""
until grep -q '^LOG_DIR: ' out; do sleep 0.02; done
dir=$(sed -n 's/^LOG_DIR: //p' out)
percent() { grep -m1 completion_percentage "$dir/status.json" 2>/dev/null; }
until percent | grep -q ': 100,'; do sleep 0.02; done
winner=$(sed -n 's/^ *"winner": "\(.*\)",$/\1/p' "$dir/status.json")
cat "$dir/final/$winner/answer.txt"
"""

# Where a scripted agent that never says anything more comes in.
HANG = {"fault": "hang"}
FOREVER = {"timeout_settings": {"agent_idle_timeout_seconds": 3600}}


def shell(command):
    """A call of the command line."""
    return call("execute_command", command=command)


def acting(*steps, sandbox="auto", **agent):
    """A scripted agent that may run commands."""
    backend = {"type": "mock", "enable_mcp_command_line": True,
               "sandbox": sandbox, "script": list(steps)}
    return {"backend": backend} | agent


def says(*commands, text="{{stdout}}", **step):
    """A step that runs commands and answers with what the last one said."""
    return {"tools": [shell(c) for c in commands], "answer": text} | step


def nest(config=None, *options, question="inner", name="inner", more=""):
    """A line of shell that starts a nested run of a configuration."""
    words = " ".join(options)
    if config is None:
        return (f"{MASSGEN} --automation --dry-run {words} "
                f"'{question}' {more}")
    # marks are filled where they are meant, not by the outer script
    text = json.dumps(config).replace("{{", r"{\u007b")
    mark = "end_" + hashlib.sha256(text.encode()).hexdigest()[:16]
    return (f"cat >{name}.yaml <<'{mark}'\n{text}\n{mark}\n"
            f"{MASSGEN} --automation --config {name}.yaml {words} "
            f"'{question}' {more}")


def below(log_dir):
    """The run directories directly below, by their session id."""
    found = pathlib.Path(log_dir).glob(
        "workspaces/*/.massgen/massgen_logs/log_*")
    return {path.name: path for path in found}


def status_of(log_dir):
    """The last status.json of any run."""
    return json.loads((pathlib.Path(log_dir) / "status.json").read_text())


NUMBERS = ("input_tokens", "cached_input_tokens", "output_tokens",
           "reasoning_tokens", "total_tokens", "call_count",
           "unpriced_calls", "estimated_cost")


def assert_adds_up(status):
    """Totals are those of the agents, then of the nested runs, exactly."""
    parts = [a["usage"] for a in status["agents"].values()]
    parts += [c["usage"] for c in status["children"]]
    for number in NUMBERS:
        total = 0
        for part in parts:
            total += part[number]
        assert status["results"]["usage"][number] == total, (number, parts)
    cost = status["results"]["usage"]["estimated_cost"]
    assert status["results"]["estimated_cost"] == cost


def assert_family(log_dir):
    """What holds for a run and all below it; returns how many there are."""
    status = status_of(log_dir)
    errors = massgen.schema_errors(status)
    assert not errors, errors
    assert_adds_up(status)
    massgen.assert_journal(log_dir)
    massgen.assert_replays(log_dir)
    left = [n for n in ("children", "run.lock", "tmp", "ballast")
            if (log_dir / n).exists()]
    assert not left, left
    dirs, count = below(log_dir), 1
    for child in status["children"]:
        path = dirs[child["session_id"]]
        assert child["log_dir"] == str(path), child
        if child["state"] != "ended":
            continue
        inner = status_of(path)
        assert inner["meta"]["parent_session"] == status["meta"]["session_id"]
        assert (inner["meta"]["nesting_depth"]
                == status["meta"]["nesting_depth"] + 1), inner["meta"]
        assert inner["meta"]["exit_code"] == child["exit_code"], child
        assert inner["results"]["usage"] == child["usage"], child
        assert (inner["results"]["estimated_cost"]
                == child["estimated_cost"]), child
        count += assert_family(path)
    return count


def run(*arguments, config, **options):
    """A whole outermost run, checked with all below it."""
    if not isinstance(config, dict) or "agents" not in config:
        config = agents_config(config)
    result = massgen.run(*arguments, "outer", config=config, **options)
    assert_family(result.log_dir)
    return result
