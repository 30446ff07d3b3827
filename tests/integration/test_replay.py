#!/usr/bin/python3
"""A run is the fold of its journal, and a scenario has one course."""

import json
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import (  # noqa: E402
    agents_config,
    assert_replays,
    mock,
    run,
    start,
)

SCENARIOS = sorted((harness.ROOT / "configs" / "dry_run").glob("*.yaml"))


def course(result):
    """What two runs of one scenario have in common."""
    answers = {
        event["label"]: (result.log_dir / event["path"]).read_bytes()
        for event in result.events
        if event["type"] == "answer"
    }
    final = result.values("Final answer")
    return {
        "exit code": result.code,
        "winner": result.values("Winner"),
        "final": [pathlib.Path(path).read_bytes() for path in final],
        "answers": answers,
        "moves": result.moves,
        "manifest": (
            result.log_dir / "final_output" / "manifest.json"
        ).read_bytes(),
    }


def assert_one_course(path):
    """Twice the same; and what the scenario's first lines promise."""
    first = run("--dry-run", "Q", config=path)
    assert_replays(first.log_dir)
    second = run("--dry-run", "Q", config=path)
    assert_replays(second.log_dir)
    before, after = course(first), course(second)
    for part, value in before.items():
        assert after[part] == value, f"{part}:\n{value}\n{after[part]}"
    promised = re.search(r"^#.*Winner: (\w+)", path.read_text(), re.MULTILINE)
    if promised:
        assert before["winner"] == [promised[1]], first
    else:
        assert before["exit code"] == 2, first


def define(path):
    """A test of its own for each scenario."""

    @harness.limit(90)
    def test():
        assert_one_course(path)

    globals()[f"test_scenario_{path.stem}"] = test


for scenario in SCENARIOS:
    define(scenario)


def test_there_are_scenarios():
    assert len(SCENARIOS) >= 9, SCENARIOS


def test_a_run_out_of_time_replays():
    config = agents_config(
        {
            "a": mock({"answer": "A", "cost": 0.1}, {"fault": "hang"}),
            "b": mock({"fault": "hang_ignore_term"}),
        }
    )
    result = run("--orchestrator-timeout", "1", "Q", config=config)
    assert result.code == 3 and result.winner == "a", result
    assert_replays(result.log_dir)


def test_an_interrupted_run_replays():
    config = agents_config(
        {
            "a": mock({"answer": "A"}, {"fault": "hang"}),
            "b": mock({"fault": "hang"}),
        }
    )
    going = start("Q", config=config)
    going.wait_status(
        lambda s: s["agents"]["a"]["answer_count"] == 1, "an answer"
    )
    going.signal(signal.SIGINT)
    result = going.wait()
    massgen.assert_clean(result)
    assert result.code == 4 and result.winner == "a", result
    assert_replays(result.log_dir)


def test_a_run_with_every_kind_of_text_replays():
    answer = "\u20ac \U0001f600 \"quoted\" \\ \t\n\x1b[1m " + 300 * "\u00e9"
    config = agents_config(
        {
            "a": mock({"answer": answer, "cost": 0.1}, {"vote": "a"}),
            "b": mock(
                {"answer": "B", "cost": 0.2},
                {"vote": "a", "reason": 200 * "\u20ac"},
            ),
            "c": mock({"error": 600 * "\u00fc", "permanent": True}),
            "d": mock({"fault": "invalid_utf8"}, {"fault": "nul"}),
        },
        orchestrator={"max_restarts_per_agent": 1},
    )
    result = run("--dry-run", "W\u00e4r's \u20ac?\n", config=config)
    assert result.winner == "a", result
    assert_replays(result.log_dir)


@harness.limit(60)
def test_many_agents_replay():
    config = agents_config(
        {
            f"agent-{n}": mock({"answer": f"A{n}", "cost": 0.1 * n})
            for n in range(40)
        }
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    assert_replays(result.log_dir)


def test_the_journal_of_a_killed_run_is_readable():
    config = agents_config({"a": mock({"answer": "A"}, {"fault": "hang"})})
    going = start("Q", config=config)
    status = going.wait_status(
        lambda s: s["agents"]["a"]["answer_count"] == 1, "an answer"
    )
    workers = going.workers()
    going.signal(signal.SIGKILL)
    going.process.wait()
    harness.wait_until(
        lambda: not any(
            pathlib.Path(f"/proc/{worker.pid}").exists()
            for worker in workers
        ),
        "the end of its workers",
    )
    done = massgen.replay(going.log_dir)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["agents"]["a"]["answer_count"] == 1, got
    assert got["meta"]["outcome"] == "running", got
    assert got["meta"]["session_id"] == status["meta"]["session_id"], got
    assert got["coordination"]["completion_percentage"] < 100, got


def test_a_changed_journal_is_refused():
    result = run("--dry-run", "Q")
    journal = result.log_dir / "events.ndjson"
    text = journal.read_bytes()
    journal.write_bytes(text.replace(b'"answer"', b'"answeR"', 1))
    done = massgen.replay(result.log_dir)
    assert done.returncode == 1, done
    assert b"is damaged" in done.stderr, done


if __name__ == "__main__":
    harness.main()
