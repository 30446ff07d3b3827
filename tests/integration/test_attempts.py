#!/usr/bin/python3
"""Another attempt by all agents, none at all, and what waits for the
presentation."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
from massgen import agents_config, assert_replays, mock  # noqa: E402


def again(times, **orchestrator):
    """The orchestrator's part of a configuration."""
    coordination = {"max_orchestration_restarts": times}
    return {"orchestrator": {"coordination": coordination} | orchestrator}


def scenario(*presentations, **more):
    """Two agents, the first of which wins and presents."""
    steps = [{"answer": "a1"}, {"vote": "a"}, {"answer": "a2"}, {"vote": "a"}]
    other = [{"answer": "b1"}, {"vote": "a"}, {"answer": "b2"}, {"vote": "a"}]
    return agents_config(
        {"a": mock(*steps, *presentations), "b": mock(*other)}, **more
    )


def unhappy(text):
    return {"present": text, "restart": "too short", "instructions": "more"}


def events(result, kind):
    return [event for event in result.events if event["type"] == kind]


def run_dry(config):
    result = massgen.run("--dry-run", "Q", config=config, full=True)
    assert_replays(result.log_dir)
    return result


def test_the_presenter_asks_for_another_attempt():
    result = run_dry(scenario(unhappy("draft"), {"present": "done"}, **again(3)))
    assert result.code == 0, result
    assert result.answer == b"done", result
    assert result.status["coordination"]["attempt"] == 2, result
    first = result.log_dir / "attempt_1/final/a/answer.txt"
    assert first.read_text() == "draft", result
    (restart,) = events(result, "restart")
    assert restart["text"] == "too short", restart
    assert restart["instructions"] == "more", restart
    labels = [event["label"] for event in events(result, "answer")]
    assert labels == ["agent1.1", "agent2.1", "agent1.2", "agent2.2"], labels
    # of the answers only those of the second attempt can be voted for
    assert result.status["results"]["votes"] == {"agent1.2": 2}, result
    said = [line for line in result.lines if "all agents work again" in line]
    assert said == ["Warning: all agents work again, attempt 2"]


def test_attempts_are_limited():
    result = run_dry(scenario(unhappy("draft"), **again(1)))
    assert result.code == 0, result
    assert result.answer == b"draft", result
    assert result.status["coordination"]["attempt"] == 2, result


def test_without_the_key_there_is_one():
    result = run_dry(scenario(unhappy("draft")))
    assert result.code == 0, result
    assert result.status["coordination"]["attempt"] == 1, result
    assert not events(result, "restart"), result


def test_what_was_presented_stands_if_nobody_answers_again():
    fault = {"error": "gone", "permanent": True}
    config = agents_config(
        {
            "a": mock({"answer": "a1"}, {"vote": "a"}, fault, unhappy("draft")),
            "b": mock({"vote": "a"}, fault),
        },
        **again(1),
    )
    result = run_dry(config)
    assert result.code == 0, result
    assert result.answer == b"draft", result
    assert "the one before stands" in result.status["results"]["winner_reason"]


def test_the_limit_of_answers_holds_for_each_attempt():
    config = scenario(
        unhappy("draft"),
        {"present": "done"},
        **again(1, max_new_answers_per_agent=1),
    )
    result = run_dry(config)
    assert result.code == 0, result
    assert len(events(result, "answer")) == 4, result


def model(server, name, **more):
    agent = llm.agent(server, name, kind="chatcompletion", api_key=llm.KEY)
    return agent | more


def test_a_model_looks_at_its_answer_once_more():
    with llm.Server() as server:
        config = agents_config({"a": model(server, "ok+restarts")}, **again(1))
        result = massgen.run("Q", config=config)
        bodies = [request["body"] for request in server.requests()]
    assert result.code == 0, result
    assert result.status["coordination"]["attempt"] == 2, result
    asked = [
        body
        for body in bodies
        if "restart_orchestration" in str(body.get("tools"))
    ]
    assert len(asked) == 1, asked
    assert "<FINAL ANSWER>" in asked[0]["messages"][1]["content"], asked
    again_asked = [
        body for body in bodies if "<PREVIOUS ATTEMPT>" in str(body["messages"])
    ]
    told = again_asked[0]["messages"][1]["content"]
    assert "It is too short." in told, told
    assert "Write more." in told, told
    assert "(no answers available yet)" in told, told


def test_the_first_look_can_be_at_another_answer():
    with llm.Server() as server:
        config = agents_config(
            {"a": model(server, "ok")}, **again(1, debug_final_answer="Bosh.")
        )
        result = massgen.run("Q", config=config)
        bodies = [request["body"] for request in server.requests()]
    assert result.code == 0, result
    told = [body for body in bodies if "Bosh." in str(body["messages"])]
    assert len(told) == 1, bodies


def test_a_look_that_fails_keeps_the_answer():
    with llm.Server() as server:
        config = agents_config(
            {"a": model(server, "ok+stall-evaluation")},
            timeout_settings={"agent_timeout_seconds": 4},
            **again(1),
        )
        result = massgen.run("Q", config=config)
    assert result.code == 0, result
    assert result.status["coordination"]["attempt"] == 1, result
    (final,) = events(result, "final_answer")
    assert final["presented"], final


def test_rounds_can_be_skipped():
    with llm.Server() as server:
        config = agents_config(
            {"a": model(server, "ok"), "b": model(server, "400")},
            orchestrator={"skip_coordination_rounds": True},
        )
        result = massgen.run("What?", config=config)
        bodies = [request["body"] for request in server.requests()]
    assert result.code == 0, result
    assert result.winner == "a", result
    assert len(bodies) == 1, bodies
    assert "tools" not in bodies[0], bodies
    assert bodies[0]["messages"][-1]["content"] == "What?", bodies


# --- planning mode ---

FAKE = str(harness.ROOT / "tests/bin/fake-mcp")
HELD = "final presentation only"


def server():
    """One with a tool that says what it is told."""
    return {
        "name": "fake",
        "type": "stdio",
        "command": "python3",
        "args": [FAKE, "ok"],
    }


def planning(agents, **more):
    """A configuration in planning mode; the tests may be read."""
    return agents_config(
        agents,
        orchestrator={
            "coordination": {"enable_planning_mode": True} | more,
            "context_paths": [
                {"path": str(harness.ROOT / "tests"), "permission": "read"}
            ],
        },
    )


ECHO = {"name": "mcp__fake__echo", "arguments": {"text": "real"}}


def test_tools_of_servers_wait_for_the_presentation():
    steps = [
        {"answer": "{{result}}", "tools": [ECHO]},
        {"vote": "a"},
        {"present": "{{result}}", "tools": [ECHO]},
    ]
    agents = {"a": mock(*steps), "b": mock({"vote": "a"}, {"vote": "a"})}
    agents["a"]["backend"]["mcp_servers"] = [server()]
    result = run_dry(planning(agents))
    assert result.code == 0, result
    (said,) = events(result, "planning")
    assert (said["agent"], said["text"]) == ("a", "true"), said
    first = next(event for event in events(result, "answer"))
    assert HELD in (result.log_dir / first["path"]).read_text(), result
    assert HELD not in result.answer.decode(), result
    assert "real" in result.answer.decode(), result


def asked(model, question, **more):
    """What a model with these tools is told, and what it was asked."""
    with llm.Server() as llm_server:
        agent = llm.agent(
            llm_server,
            model,
            kind="chatcompletion",
            api_key=llm.KEY,
            mcp_servers=[server()],
        )
        result = massgen.run(question, config=planning({"a": agent}, **more))
        bodies = [request["body"] for request in llm_server.requests()]
    assert result.code == 0, result
    told = [
        message["content"]
        for body in bodies
        for message in body["messages"]
        if message["role"] == "tool"
    ]
    return result, bodies, told


CALL = 'Q\nCALL mcp__fake__echo {"text": "early"}'


def test_a_model_says_which_tools_wait():
    result, bodies, told = asked(
        "calls+irreversible", CALL, planning_mode_instruction="Mind the cat."
    )
    assert "mcp__fake__echo" in bodies[0]["messages"][1]["content"], bodies[0]
    assert "tools" not in bodies[0], bodies[0]
    assert "Mind the cat." in bodies[1]["messages"][0]["content"], bodies[1]
    assert HELD in told[0], told
    assert [e["text"] for e in events(result, "planning")] == ["true"]


def test_a_model_says_that_none_has_to():
    result, _, told = asked("calls", CALL)
    assert HELD not in told[0], told
    assert "early" in told[0], told
    assert [e["text"] for e in events(result, "planning")] == ["false"]


if __name__ == "__main__":
    harness.main()
