#!/usr/bin/python3
"""Whole runs of agents that speak Anthropic's Messages API."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import wire  # noqa: E402

CLAUDE = wire.Wire("claude", llm.Claude, "m", "ANTHROPIC_API_KEY")
fails = CLAUDE.fails


def works(model, **options):
    """As any kind does, and the final answer is the model's."""
    result, requests = CLAUDE.works(model, **options)
    assert f"The final answer, of {model}." in result.answer.decode(), result
    return result, requests


def longest(requests):
    """The messages of the longest conversation."""
    return max((r["body"]["messages"] for r in requests), key=len)


def kinds(message):
    """The types of a message's blocks."""
    return [block["type"] for block in message["content"]]


def test_two_agents():
    _, requests = works("m")
    for request in requests:
        body, headers = request["body"], request["headers"]
        assert request["path"] == "/v1/messages", request
        assert headers["x-api-key"] == llm.KEY, request
        assert "authorization" not in headers, request
        assert "anthropic-beta" not in headers, request
        assert body["max_tokens"] == 16384 and body["stream"] is True, body
        assert not {"tool_choice", "temperature", "top_p"} & set(body), body
    body = requests[0]["body"]
    assert "What is it?" in str(body["messages"]), body
    assert "one of several agents" in body["system"], body
    assert [t["name"] for t in body["tools"]] == ["new_answer", "vote"], body


def test_a_loop_of_tools():
    for model, thought in (
        ("m+loop", "thinking"),
        ("m+loop+hidden", "redacted_thinking"),
    ):
        _, requests = works(model, ids="a")
        messages = longest(requests)
        assert len(messages) >= 5, messages
        for said, told in (messages[1:3], messages[3:5]):
            assert kinds(said) == [thought, "tool_use", "tool_use"], messages
            assert kinds(told) == ["tool_result", "tool_result"], messages
            assert all(block["is_error"] for block in told["content"])
        cached = [m for m in messages if "cache_control" in str(m)]
        assert cached == [messages[-1]], messages


def test_a_search_that_pauses():
    _, requests = works("m+search", params={"enable_web_search": True})
    messages = longest(requests)
    assert kinds(messages[1])[:2] == ["text", "server_tool_use"], messages
    tools = requests[0]["body"]["tools"]
    assert tools[-1]["name"] == "web_search", tools


def test_code_execution():
    _, requests = works("m", params={"enable_code_execution": True})
    assert requests[0]["body"]["tools"][-1]["name"] == "code_execution"


def test_parameters():
    _, requests = works(
        "m",
        params={
            "max_tokens": 5000,
            "temperature": 0.5,
            "thinking": {"type": "enabled", "budget_tokens": 2000},
            "betas": ["interleaved-thinking-2025-05-14"],
        },
    )
    body = requests[0]["body"]
    assert body["max_tokens"] == 5000 and body["temperature"] == 0.5, body
    assert body["thinking"]["budget_tokens"] == 2000, body
    beta = requests[0]["headers"]["anthropic-beta"]
    assert beta == "interleaved-thinking-2025-05-14", beta


def test_usage():
    result, requests = works("m")
    wire.assert_usage(result, requests, reasoning=0)


def test_temporary_failures_are_retried():
    for word in ("429", "529", "overloaded", "broken"):
        works(f"m+{word}")


def test_a_message_that_comes_whole():
    works("m+whole")


def test_a_cut_call_is_not_run():
    _, requests = works("m+cut")
    again = [r["body"]["messages"] for r in requests]
    again = [messages for messages in again if len(messages[0]["content"]) > 1]
    assert again and len(again[0]) == 1, again


def test_a_refusal():
    result, requests = fails("m+refuses")
    log = (result.log_dir / "massgen.log").read_text()
    assert "the model refused: Not this." in log, log
    for request in requests:
        assert len(request["body"]["messages"]) == 1, request


def test_a_bad_key_is_not_tried_again():
    result, requests = fails("m+401", "HTTP 401: No: [key]")
    assert len(requests) == 1, requests
    assert result.status["agents"]["bad"]["attempts"] == 1, result


def test_a_bad_request_is_not_tried_again():
    _, requests = fails("m+400", "HTTP 400: No")
    assert len(requests) == 1, requests


def test_aimock():
    for entry in CLAUDE.works_with_aimock():
        assert entry["path"] == "/v1/messages", entry


if __name__ == "__main__":
    harness.main()
