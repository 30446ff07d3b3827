#!/usr/bin/python3
"""status.json while a run goes on: whole, valid, fresh, never going back."""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import Watch, agents_config, mock, run, start  # noqa: E402

USAGE = {"input": 100, "cached": 40, "output": 20, "reasoning": 5}


def watched(config, *arguments, **options):
    """A run with a reader beside it; returns (result, versions)."""
    pathlib.Path("logs").mkdir()
    watch = Watch("logs")
    result = run(
        "--log-root", "logs", *arguments, "Q", config=config, **options
    )
    watch.stop()
    assert len(watch.seen) >= 2, "the reader came too late"
    return result, watch.seen


def test_dry_run_is_never_seen_in_part():
    config = agents_config(
        {
            i: mock(
                {"answer": i, "delay_ms": 200},
                {"say": "hm", "delay_ms": 200},
                {"vote": "a", "delay_ms": 200},
            )
            for i in "abc"
        }
    )
    watched(config)


def test_streams_and_restarts_are_never_seen_in_part():
    stream = {"chunks": 200, "bytes": 200, "interval_ms": 2}
    config = agents_config(
        {
            "a": mock({"answer": "A", "stream": stream}),
            "b": mock(
                {"fault": "crash", "signal": "SEGV"},
                {"answer": "B", "stream": stream},
            ),
            "c": mock({"answer": "C", "delay_ms": 600}),
        }
    )
    result, _ = watched(config)
    agents = result.status["agents"]
    assert agents["b"]["process_restarts"] == 1, agents
    assert agents["b"]["attempts"] == 2, agents
    assert agents["a"]["times_restarted"] >= 1, agents


def test_failed_runs_end_at_100_too():
    config = agents_config(
        {"a": mock({"error": "no", "permanent": True, "delay_ms": 300})}
    )
    result, _ = watched(config)
    assert result.code == 2, result


def test_timed_out_runs_end_at_100_too():
    config = agents_config(
        {"a": mock({"fault": "hang"}), "b": mock({"answer": "B"})}
    )
    result, _ = watched(config, "--orchestrator-timeout", "1")
    assert result.code == 3, result


def test_it_is_there_before_the_work_begins():
    config = agents_config({"a": mock({"answer": "A", "delay_ms": 800})})
    going = start("Q", config=config)
    log_dir = going.log_dir
    harness.wait_until((log_dir / "status.json").exists, "status.json", 1)
    meta = json.loads((log_dir / "status.json").read_text())["meta"]
    assert meta["outcome"] == "running" and meta["exit_code"] is None, meta
    assert meta["pid"] == going.pid, meta
    massgen.assert_clean(going.wait())


def test_it_is_renewed_while_nothing_happens():
    config = agents_config(
        {"a": mock({"fault": "hang"})},
        timeout_settings={"agent_timeout_seconds": 100},
    )
    going = start("--orchestrator-timeout", "6", "Q", config=config)
    path = going.log_dir / "status.json"
    harness.wait_until(path.exists, "status.json")
    ages, writes, last = [], 0, None
    until = time.monotonic() + 4.5
    while time.monotonic() < until:
        meta = json.loads(path.read_text())["meta"]
        ages.append(time.time() - meta["last_updated"])
        writes += meta["last_updated"] != last
        last = meta["last_updated"]
        time.sleep(0.02)
    assert writes >= 3, writes
    # not a claim on speed: twice what the program promises
    assert max(ages) < 4, max(ages)
    massgen.assert_clean(going.wait())


def test_it_is_not_written_for_every_event():
    config = agents_config(
        {
            f"a{n}": mock(
                {"answer": f"A{n}", "delay_ms": 60 * n},
                {"vote": "a0", "delay_ms": 1000 + 60 * n},
            )
            for n in range(15)
        }
    )
    result, seen = watched(config)
    changes = sum(e["type"] in ("answer", "vote") for e in result.events)
    elapsed = result.status["meta"]["elapsed_seconds"]
    assert changes >= 30, changes
    assert len(seen) <= 4 * elapsed + 4, (len(seen), elapsed)


def test_percentages_pass_their_milestones():
    config = agents_config(
        {
            "a": mock({"answer": "A", "delay_ms": 400}, {"vote": "a"}),
            "b": mock({"answer": "B", "delay_ms": 400},
                      {"vote": "a", "delay_ms": 700}),
        }
    )
    result, seen = watched(config)
    assert result.code == 0, result
    phases = [s["coordination"]["phase"] for s in seen]
    order = ["planning", "generation", "voting", "presentation"]
    places = [order.index(phase) for phase in phases]
    assert places == sorted(places), phases
    for status in seen:
        phase = status["coordination"]["phase"]
        percent = status["coordination"]["completion_percentage"]
        low, high = {
            "planning": (0, 10),
            "generation": (10, 50),
            "voting": (50, 75),
            "presentation": (75, 100),
        }[phase]
        assert low <= percent <= high, (phase, percent)


def test_percentages_do_not_fall_when_votes_are_voided():
    config = agents_config(
        {
            "a": mock({"answer": "A"}, {"vote": "a", "delay_ms": 300}),
            "b": mock({"answer": "B"},
                      {"answer": "B again", "delay_ms": 1000},
                      {"vote": "b", "delay_ms": 300}),
        }
    )
    result, _ = watched(config)
    assert result.code == 0, result
    superseded = result.status["results"]["votes_superseded"]
    assert superseded, "no vote was voided"


def test_active_agent_is_one_that_works():
    config = agents_config(
        {
            "a": mock({"answer": "A"}, {"vote": "b", "delay_ms": 600}),
            "b": mock({"answer": "B", "delay_ms": 300}),
        }
    )
    _, seen = watched(config)
    for status in seen:
        active = status["coordination"]["active_agent"]
        if active is not None:
            agent = status["agents"][active]
            assert agent["activity"] not in ("dead", "idle"), status


def test_usage_is_added_up():
    config = agents_config(
        {
            "a": mock({"answer": "A", "tokens": USAGE, "cost": 0.25},
                      {"vote": "a", "tokens": USAGE, "cost": 0.5}),
            "b": mock({"answer": "B", "tokens": USAGE, "cost": 0.125},
                      {"vote": "a", "tokens": USAGE, "cost": 1}),
        }
    )
    result = run("--dry-run", "Q", config=config)
    status = result.status
    total = status["results"]["usage"]
    parts = [agent["usage"] for agent in status["agents"].values()]
    for name, value in total.items():
        assert value == sum(part[name] for part in parts), (name, status)
    assert total["input_tokens"] >= 400, total
    assert total["cached_input_tokens"] >= 160, total
    assert total["total_tokens"] == (
        total["input_tokens"] + total["output_tokens"]
    ), total
    assert total["estimated_cost"] >= 1.875, total
    assert status["results"]["estimated_cost"] == total["estimated_cost"]


def test_votes_that_count_and_votes_that_do_not():
    config = agents_config(
        {
            "a": mock({"answer": "A", "delay_ms": 10},
                      {"vote": "a", "delay_ms": 10},
                      {"vote": "b", "delay_ms": 10}),
            "b": mock({"answer": "B", "delay_ms": 100},
                      {"vote": "b", "delay_ms": 10}),
        }
    )
    result = run("--dry-run", "Q", config=config)
    results = result.status["results"]
    assert results["votes"] == {"agent2.1": 2}, results
    assert results["votes_superseded"] == {"agent1.1": 1}, results
    cast = result.status["agents"]["a"]["vote_cast"]
    assert cast["voted_for_agent"] == "b", cast
    assert cast["voted_for_label"] == "agent2.1", cast
    assert result.status["agents"]["a"]["times_restarted"] >= 1, result


def test_answers_are_counted_and_labelled():
    config = agents_config(
        {
            "a": mock({"answer": "first"}, {"answer": "second"},
                      {"answer": "third"}, {"vote": "a"}),
            "b": mock({"vote": "a", "delay_ms": 500}),
        }
    )
    result = run("--dry-run", "Q", config=config)
    agents = result.status["agents"]
    assert agents["a"]["answer_count"] == 3, agents
    assert agents["a"]["latest_answer_label"] == "agent1.3", agents
    assert agents["b"]["latest_answer_label"] is None, agents


def test_meta_describes_the_run():
    before = time.time()
    result = run("--dry-run", "What is \u20ac?\nReally.")
    meta = result.status["meta"]
    assert meta["question"] == "What is \u20ac?\nReally.", meta
    assert meta["dry_run"] is True, meta
    assert before - 1 < meta["start_time"] <= meta["end_time"], meta
    assert meta["end_time"] < time.time() + 1, meta
    assert meta["nesting_depth"] == 0, meta
    assert meta["parent_session"] is None, meta
    version = massgen.plain("--version").stdout.split()[-1]
    assert meta["version"] == version, meta


def test_exits_are_recorded():
    config = agents_config(
        {
            "a": mock({"answer": "A"}),
            "b": mock({"fault": "exit", "code": 78}),
            "c": mock(*3 * [{"fault": "crash", "signal": "SEGV"}]),
        }
    )
    result = run("Q", config=config)
    agents = result.status["agents"]
    assert agents["b"]["exit"]["code"] == 78, agents["b"]
    assert agents["c"]["exit"]["signal"] == 11, agents["c"]
    for agent in agents.values():
        assert agent["activity"] == "dead" and agent["pid"] is None, agent
        assert agent["exit"]["max_rss_kib"] > 0, agent


def test_pids_are_those_of_the_workers():
    config = agents_config(
        {i: mock({"answer": i, "delay_ms": 1000}) for i in "ab"}
    )
    going = start("Q", config=config)
    status = going.wait_status(
        lambda s: all(a["pid"] for a in s["agents"].values()), "two pids"
    )
    for agent in status["agents"].values():
        stat = pathlib.Path(f"/proc/{agent['pid']}/stat").read_text()
        assert stat.rsplit(")")[-1].split()[1] == str(going.pid), stat
    massgen.assert_clean(going.wait())


def test_the_file_cannot_be_a_link_elsewhere():
    result = run("--dry-run", "Q")
    path = result.log_dir / "status.json"
    assert path.is_file() and not path.is_symlink()
    assert os.stat(path).st_nlink == 1


if __name__ == "__main__":
    harness.main()
