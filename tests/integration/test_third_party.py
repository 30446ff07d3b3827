#!/usr/bin/python3
"""Whole runs against model servers that this project did not write."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import node  # noqa: E402
from massgen import agents_config  # noqa: E402
from node import aimock  # noqa: E402

ENV = {"OPENAI_API_KEY": llm.KEY}


def agent(server, model, **more):
    """An agent of the general type."""
    return llm.agent(server, model, kind="chatcompletion") | more


def run(agents):
    """A whole run that has to end well."""
    result = massgen.run("How many are 2 + 2?", config=agents, env=ENV)
    assert result.code == 0, result
    assert result.winner in result.status["agents"], result
    for one in result.status["agents"].values():
        assert one["error"] is None, result
        assert one["process_restarts"] == 0, result
    assert not llm.files_with(result.log_dir, llm.KEY), result
    return result


def test_aimock():
    with aimock() as server:
        config = agents_config(
            {"alpha": agent(server, "alpha"), "beta": agent(server, "beta")}
        )
        result = run(config)
        journal = server.get("/__aimock/journal")
    assert result.answer.decode() == (
        "The final answer: four ✓, said by aimock."
    ), result
    assert journal, "no request came"
    for entry in journal:
        assert entry["response"]["status"] == 200, entry
        assert entry["path"] == "/v1/chat/completions", entry
        body = entry["body"]
        assert body["stream"] is True, body
        assert body["stream_options"] == {"include_usage": True}, body
        assert body["messages"][0]["role"] == "system", body


def test_aimock_answers_arrive_whole():
    # alone: whoever hears of an answer in time may vote and give none
    with aimock() as server:
        result = run(agents_config({"alpha": agent(server, "alpha")}))
    answers = {
        path.read_text()
        for path in (result.log_dir / "alpha").glob("*/answer.txt")
    }
    assert 'Alpha says: four, "café" style.' in answers, answers
    streamed = (result.log_dir / "agent_outputs/alpha.txt").read_text()
    assert "I shall answer." in streamed, streamed


def test_aimock_usage():
    with aimock() as server:
        result = run(agents_config({"alpha": agent(server, "alpha")}))
        journal = server.get("/__aimock/journal")
    usage = result.status["agents"]["alpha"]["usage"]
    assert usage["call_count"] == len(journal), usage
    assert usage["input_tokens"] >= 40, usage
    assert usage["output_tokens"] >= 7, usage


WIRES = {
    "chatcompletion": ("/v1", "/v1/chat/completions", "OPENAI_API_KEY"),
    "openai": ("/v1", "/v1/responses", "OPENAI_API_KEY"),
    "claude": ("/v1", "/v1/messages", "ANTHROPIC_API_KEY"),
    "gemini": ("/v1beta", ":streamGenerateContent", "GEMINI_API_KEY"),
}


def run_with_tools(server, kind):
    """A whole run of an agent that is given files and a command line."""
    base, _, variable = WIRES[kind]
    one = llm.agent(
        server.at(base),
        "tooled",
        kind=kind,
        cwd="work",
        enable_mcp_command_line=True,
    )
    result = massgen.run(
        "Make a file.",
        config=agents_config({"alpha": one}),
        env={variable: llm.KEY},
    )
    assert result.code == 0, result
    assert b"said by aimock" in result.answer, result
    made = result.log_dir / "final/alpha/workspace/made.txt"
    assert made.read_text() == 'made by "tooled"', result
    assert not llm.files_with(result.log_dir, llm.KEY), result


def test_aimock_tools_in_each_wire_format():
    for kind, (_, path, _) in WIRES.items():
        with aimock() as server:
            run_with_tools(server, kind)
            journal = server.get("/__aimock/journal")
        assert len(journal) == 4, (kind, journal)
        for entry in journal:
            assert entry["response"]["status"] == 200, (kind, entry)
            assert path in entry["path"], (kind, entry)
        # what the tools brought went back to the model
        sent = json.dumps(journal[1]["body"])
        assert "[FILE] made.txt" in sent, (kind, sent)
        assert "exit_code" in sent, (kind, sent)


def test_openai_mock_api():
    """No index in the tool calls, "stop" behind them, no usage."""
    with node.Server(
        "openai-mock-api",
        "--config",
        str(node.FIXTURES / "openai-mock-api.yaml"),
    ) as server:
        config = agents_config(
            {
                "ann": agent(server, "gpt-4o", system_message="You are Ann."),
                "bob": agent(server, "gpt-4o", system_message="You are Bob."),
            }
        )
        result = run(config)
    assert result.answer == b"The final answer: four.", result


if __name__ == "__main__":
    harness.main()
