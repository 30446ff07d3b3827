#!/usr/bin/python3
"""Each fault that a scenario can name: it harms its own agent only."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
from massgen import agents_config, mock, run  # noqa: E402

QUICK = {
    "timeout_settings": {"agent_timeout_seconds": 0.6},
    "orchestrator": {"max_restarts_per_agent": 1},
}
GOOD = {"answer": "the good answer"}


def with_fault(status, errors, once=False, top=None, **fault):
    """A run in which "bad" has the fault on each attempt, "good" none."""
    steps = [fault] if once else [fault, fault]
    config = agents_config(
        {"bad": mock(*steps), "good": mock(GOOD)}, **(top or QUICK)
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    agents, quorum = (
        result.status["agents"],
        result.status["coordination"]["quorum"],
    )
    assert agents["good"]["status"] in ("voted", "completed"), result
    if once:
        assert agents["bad"]["status"] in ("voted", "completed"), result
        assert agents["bad"]["process_restarts"] == 1, result
        assert quorum["failed"] == 0, result
        assert quorum["degraded"] is False, result
        return result
    assert result.winner == "good", result
    assert agents["bad"]["status"] in ("error", "timeout"), result
    assert status in (None, agents["bad"]["status"]), result
    assert agents["bad"]["error"]["type"] in errors, result
    assert agents["bad"]["error"]["message"], result
    assert agents["bad"]["attempts"] == 2, result
    assert quorum == {
        "expected": 2,
        "answered": 1,
        "voted": 1,
        "failed": 1,
        "degraded": True,
    }, result
    assert [x for x in result.lines if x.startswith("Agent bad: ")], result
    return result


def test_hang():
    with_fault("timeout", ["timeout"], fault="hang")


def test_hang_ignoring_sigterm():
    result = with_fault("timeout", ["timeout"], fault="hang_ignore_term")
    assert result.status["agents"]["bad"]["exit"]["signal"] == 9, result


def test_stop():
    with_fault("timeout", ["timeout"], fault="stop")


def test_crashes_by_signal():
    for name, number in (
        ("SEGV", 11),
        ("KILL", 9),
        ("ABRT", 6),
        ("BUS", 7),
        ("FPE", 8),
    ):
        result = with_fault("error", ["crash"], fault="crash", signal=name)
        ended = result.status["agents"]["bad"]["exit"]
        assert ended["signal"] == number, ended
        assert ended["code"] is None, ended


def test_exit():
    result = with_fault("error", ["exit"], fault="exit", code=3)
    ended = result.status["agents"]["bad"]["exit"]
    assert ended["code"] == 3 and ended["signal"] is None, ended


def test_exit_that_asks_to_be_tried_again():
    with_fault("error", ["exit"], fault="exit", code=75)


def test_exit_0_in_a_turn_is_a_failure_too():
    with_fault("error", ["exit"], fault="exit", code=0)


def test_garbage():
    with_fault("error", ["protocol_error"], fault="garbage")


def test_half_a_line():
    with_fault("error", ["crash", "exit", "protocol_error"],
               fault="half_line")


def test_invalid_utf8():
    with_fault("error", ["protocol_error"], fault="invalid_utf8")


def test_nul():
    with_fault("error", ["protocol_error"], fault="nul")


def test_huge_line():
    patient = QUICK | {"timeout_settings": {"agent_timeout_seconds": 25}}
    with_fault("error", ["protocol_error"], top=patient, fault="huge_line")


def test_close_output():
    with_fault("error", ["protocol_error"], fault="close_output")


@harness.limit(90)
def test_flood():
    with_fault(None, ["protocol_error", "timeout"], fault="flood")


def test_error():
    with_fault("error", ["mock", "model", "error"], error="model is down")


def test_recovery_after_one_crash():
    result = with_fault("", [], once=True, fault="crash", signal="SEGV")
    line = [x for x in result.lines if x.startswith("Agent bad: ")]
    assert line and "attempt 1 of 2" in line[0], result


def test_recovery_after_one_hang():
    result = with_fault("", [], once=True, fault="hang")
    line = [x for x in result.lines if x.startswith("Agent bad: ")]
    assert line == ["Agent bad: timeout after 0.6 s, attempt 1 of 2"], result


def test_recovery_after_garbage():
    with_fault("", [], once=True, fault="garbage")


def test_a_permanent_failure_is_not_tried_again():
    for step in (
        {"error": "bad key", "permanent": True},
        {"fault": "exit", "code": 78},
        {"fault": "exit", "code": 64},
    ):
        config = agents_config({"bad": mock(step), "good": mock(GOOD)})
        result = run("--dry-run", "Q", config=config)
        assert result.winner == "good", result
        agent = result.status["agents"]["bad"]
        assert agent["attempts"] == 1, result
        assert agent["status"] == "error", result


def test_answers_of_the_dead_can_win():
    config = agents_config(
        {
            "bad": mock(
                {"answer": "left behind"}, {"fault": "exit", "code": 78}
            ),
            "good": mock({"vote": "bad", "delay_ms": 500}),
        }
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0 and result.winner == "bad", result
    assert result.answer == b"left behind", result


def test_a_fault_in_the_presentation_leaves_the_answer():
    for fault in ("crash", "hang", "garbage", "exit", "stop"):
        config = agents_config(
            {
                "a": mock(
                    {"answer": "as it stands"},
                    {"vote": "a"},
                    {"present": "never seen", "fault": fault},
                    {"present": "never seen", "fault": fault},
                    {"present": "never seen", "fault": fault},
                ),
                "b": mock({"vote": "a", "delay_ms": 100}),
            },
            **QUICK,
        )
        result = run("--dry-run", "Q", config=config)
        assert result.code == 0 and result.winner == "a", result
        assert b"as it stands" in result.answer, (fault, result)


def test_everybody_fails_after_answering():
    dead = {"fault": "exit", "code": 78}
    config = agents_config(
        {
            "a": mock({"answer": "A", "cost": 2}, dead),
            "b": mock({"answer": "B", "cost": 1}, dead),
        }
    )
    result = run("--dry-run", "Q", config=config)
    assert result.winner == "b", result
    assert result.code in (0, 2), result


def test_everybody_fails_before_answering():
    dead = {"fault": "crash"}
    config = agents_config(
        {i: mock(dead, dead) for i in "ab"}, **QUICK
    )
    result = run("Q", config=config)
    assert result.code == 2, result
    quorum = result.status["coordination"]["quorum"]
    assert quorum["failed"] == 2 and quorum["answered"] == 0, quorum


if __name__ == "__main__":
    harness.main()
