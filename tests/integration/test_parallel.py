#!/usr/bin/python3
"""Many runs at once in one directory; many agents in one run."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import agents_config, mock, run, start, write_config  # noqa: E402

RUNS = 20


@harness.limit(100)
def test_twenty_runs_in_one_directory():
    config = write_config(
        agents_config(
            {i: mock({"answer": i, "delay_ms": 100}) for i in ("a", "b")}
        )
    )
    going = [
        start("--dry-run", f"Question {n}", config=config)
        for n in range(RUNS)
    ]
    results = [one.wait(60) for one in going]
    for n, result in enumerate(results):
        massgen.assert_clean(result)
        assert result.code == 0, result
        assert result.status["meta"]["question"] == f"Question {n}"
    assert len({result.log_dir for result in results}) == RUNS
    assert len({r.status["meta"]["session_id"] for r in results}) == RUNS
    (root,) = {result.log_dir.parent for result in results}
    assert len(list(root.iterdir())) == RUNS


@harness.limit(100)
def test_one_interrupted_run_does_not_touch_the_others():
    config = write_config(
        agents_config({i: mock({"answer": i, "delay_ms": 800}) for i in "ab"})
    )
    going = [start("Q", config=config) for _ in range(4)]
    going[1].wait_line("Phase: planning")
    going[1].signal(15)
    results = [one.wait(60) for one in going]
    for result in results:
        massgen.assert_clean(result)
    assert [result.code for result in results] == [0, 4, 0, 0], results[1]


@harness.limit(100)
def test_fifty_agents():
    config = agents_config({f"agent{n:02}": mock() for n in range(50)})
    result = run("--dry-run", "Q", config=config, seconds=80)
    assert result.code == 0, result
    assert len(result.lines) <= 20, result
    quorum = result.status["coordination"]["quorum"]
    assert quorum["expected"] == quorum["answered"] == 50, quorum
    assert quorum["voted"] == 50 and quorum["failed"] == 0, quorum


@harness.limit(100)
def test_fifty_agents_that_all_die():
    config = agents_config(
        {f"x{n}": mock({"fault": "exit", "code": 78}) for n in range(50)}
    )
    result = run("Q", config=config, seconds=80)
    assert result.code == 2, result
    assert len(result.lines) <= 20, result


@harness.limit(100)
def test_few_descriptors_are_a_clear_error_or_none():
    for count, limit in ((20, 40), (60, 64)):
        agents = {f"a{n}": mock({"answer": str(n)}) for n in range(count)}
        result = run(
            "Q",
            config=agents_config(agents),
            prefix=["/bin/sh", "-c", f'ulimit -n {limit}; exec "$0" "$@"'],
            seconds=80,
        )
        assert result.code in (0, 2), result


if __name__ == "__main__":
    harness.main(at_once=1)
