#!/usr/bin/python3
"""Who wins, why, and that it does not depend on the machine."""

import json
import multiprocessing
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
from massgen import agents_config, mock, run, write_config  # noqa: E402


def answer(text, at, **more):
    """An answer at a virtual time."""
    return {"answer": text, "delay_ms": at} | more


def vote(target, after=1000, **more):
    """A vote long after all answers."""
    return {"vote": target, "delay_ms": after} | more


def decided(agents, winner, reason):
    """A dry run of the agents; its winner and why."""
    result = run("--dry-run", "Q", config=agents_config(agents))
    assert result.code == 0, result
    assert result.winner == winner, result
    said = result.status["results"]["winner_reason"]
    assert said == reason, f"{said!r}\n{result}"
    return result


def test_most_votes():
    decided(
        {
            "a": mock(answer("A", 1, cost=0.5), vote("c")),
            "b": mock(answer("B", 2), vote("b")),
            "c": mock(answer("C", 3, cost=2), vote("c")),
        },
        "c",
        "votes=2, cost=2.0000",
    )


def test_tie_broken_by_cost():
    decided(
        {
            "a": mock(answer("A", 1, cost=0.02), vote("a")),
            "b": mock(answer("B", 2, cost=0.0123), vote("b")),
        },
        "b",
        "votes=1, cost=0.0123; tie with a broken by cost",
    )


def test_tie_broken_by_time():
    decided(
        {
            "a": mock(answer("A", 50, cost=1), vote("a")),
            "b": mock(answer("B", 20, cost=1), vote("b")),
        },
        "b",
        "votes=1, cost=1.0000; tie with a broken by time",
    )


def test_tie_broken_by_id():
    decided(
        {
            "zed": mock(answer("Z", 20), vote("zed")),
            "amy": mock(answer("A", 20), vote("amy")),
        },
        "amy",
        "votes=1, cost=0.0000; tie with zed broken by id",
    )


def test_the_only_one_with_an_answer():
    result = run(
        "--dry-run",
        "Q",
        config=agents_config(
            {
                "a": mock(answer("A", 1), vote("a")),
                "b": mock({"error": "no", "permanent": True}),
            }
        ),
    )
    assert result.winner == "a", result
    reason = result.status["results"]["winner_reason"]
    assert reason.startswith("votes=1, cost=0.0000; "), reason


def test_without_any_vote_the_same_order_holds():
    config = agents_config(
        {
            "a": mock({"answer": "A", "cost": 1}, {"fault": "hang"}),
            "b": mock({"answer": "B", "cost": 0.5}, {"fault": "hang"}),
        }
    )
    result = run("--orchestrator-timeout", "1", "Q", config=config)
    assert result.code == 3, result
    assert result.winner == "b", result
    reason = result.status["results"]["winner_reason"]
    assert reason == "votes=0, cost=0.5000; tie with a broken by cost", reason


def test_voided_votes_do_not_count():
    result = decided(
        {
            "a": mock(answer("A", 1), vote("a", 10), vote("b")),
            "b": mock(answer("B", 100), vote("b")),
            "c": mock(vote("a", 20), vote("b")),
        },
        "b",
        "votes=3, cost=0.0000",
    )
    superseded = result.status["results"]["votes_superseded"]
    assert superseded == {"agent1.1": 2}, superseded


def test_a_late_vote_is_asked_again():
    result = run(
        "--dry-run",
        "Q",
        config=agents_config(
            {
                "a": mock(answer("A", 1), vote("a", 1000, late=True)),
                "b": mock(answer("B", 500), vote("b")),
            }
        ),
    )
    assert result.code == 0, result
    refused = [e for e in result.events if e["type"] == "refused"]
    assert refused and refused[0]["agent"] == "a", result.events


def test_an_agent_may_vote_for_itself_or_another():
    decided(
        {
            "a": mock(answer("A", 1), vote("b")),
            "b": mock(answer("B", 2), vote("a")),
            "c": mock(vote("a", 2000)),
        },
        "a",
        "votes=2, cost=0.0000",
    )


def test_one_agent_alone():
    result = run("--dry-run", "Q", config=agents_config({"solo": mock()}))
    assert result.code == 0 and result.winner == "solo", result
    assert result.answer, result


def test_the_built_in_dry_run():
    result = run("--dry-run", "What is it?")
    assert b"What is it?" in result.answer, result


SCENARIO = agents_config(
    {
        "a": mock(
            answer("A one", 30, tokens={"input": 10, "output": 5}, cost=0.1),
            vote("b", 300),
            answer("A two", 50, cost=0.1),
            vote("c", 400),
        ),
        "b": mock(
            {"fault": "crash", "delay_ms": 20},
            answer("B one", 40, cost=0.3),
            vote("a", 350),
            vote("b", 350),
        ),
        "c": mock(
            answer("C one", 35, cost=0.2),
            vote("c", 420),
            {"present": "C presents"},
        ),
    }
)


def course(result):
    """All that must not differ between two runs of a scenario."""
    manifest = json.dumps(result.manifest, sort_keys=True)
    status = result.status
    files = {
        str(path.relative_to(result.log_dir)): path.read_bytes()
        for top in ("final", "final_output")
        for path in sorted((result.log_dir / top).rglob("*"))
        if path.is_file()
    }
    files = {
        name: data.replace(result.log_dir.name.encode(), b"SESSION")
        for name, data in files.items()
    }
    return {
        "winner": result.winner,
        "reason": status["results"]["winner_reason"],
        "votes": status["results"]["votes"],
        "superseded": status["results"]["votes_superseded"],
        "manifest": manifest.replace(result.log_dir.name, "SESSION"),
        "files": files,
        "moves": result.moves,
    }


def assert_same(first, second):
    """Two courses are one."""
    for part, value in first.items():
        assert second[part] == value, f"{part}:\n{value}\n{second[part]}"


def test_the_same_scenario_takes_the_same_course():
    path = write_config(SCENARIO)
    first = course(run("--dry-run", "Q", config=path))
    for _ in range(4):
        assert_same(first, course(run("--dry-run", "Q", config=path)))


def test_text_without_a_decision_is_a_step_like_any():
    decided(
        {
            "a": mock({"say": "hm", "delay_ms": 5}, answer("A", 5), vote("b")),
            "b": mock(answer("B", 7), {"say": "well"}, vote("b")),
        },
        "b",
        "votes=2, cost=0.0000",
    )


def test_waiting_for_others_is_no_timeout():
    # two acts take more than the limit by the real clock, none by the virtual
    stream = {"chunks": 8, "bytes": 10, "interval_ms": 100}
    config = agents_config(
        {
            i: mock({"answer": i, "stream": stream}, {"vote": "a"})
            for i in "abc"
        },
        timeout_settings={"agent_timeout_seconds": 1.5},
    )
    result = run("--dry-run", "Q", config=config)
    for agent in result.status["agents"].values():
        assert agent["attempts"] == 1 and agent["error"] is None, result


def burn(stop):
    """Use up a processor."""
    while not stop.is_set():
        sum(range(10000))


@harness.limit(100)
def test_the_same_course_on_a_busy_machine():
    path = write_config(SCENARIO)
    first = course(run("--dry-run", "Q", config=path))
    stop = multiprocessing.Event()
    load = [
        multiprocessing.Process(target=burn, args=(stop,), daemon=True)
        for _ in range(6)
    ]
    for process in load:
        process.start()
    try:
        for _ in range(3):
            busy = run("--dry-run", "Q", config=path, seconds=60)
            assert_same(first, course(busy))
    finally:
        stop.set()
        for process in load:
            process.join()


if __name__ == "__main__":
    harness.main()
