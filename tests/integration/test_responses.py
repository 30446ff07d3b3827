#!/usr/bin/python3
"""Whole runs against a strict server of OpenAI's Responses API."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import responses  # noqa: E402
from massgen import agents_config  # noqa: E402

ENV = {
    "OPENAI_API_KEY": llm.KEY,
    "AZURE_OPENAI_API_KEY": llm.KEY,
    "XAI_API_KEY": llm.KEY,
}
ONE_TRY = {"orchestrator": {"max_restarts_per_agent": 0}}


def run(server, kind="openai", top=None, backend=None, **models):
    """A run of {id: model name}; no request of it is refused."""
    config = agents_config(
        {
            i: llm.agent(server, model, kind=kind, **(backend or {}))
            for i, model in models.items()
        },
        **(top or {}),
    )
    result = massgen.run("How many are 2 + 2?", config=config, env=ENV)
    assert not llm.files_with(result.log_dir, llm.KEY), result
    refused = [r["refused"] for r in server.requests() if "refused" in r]
    assert not refused, f"{refused}\n{result}"
    return result


def works(model, **options):
    """A run of two such models ends well; returns it and the requests."""
    with responses.Server() as server:
        result = run(server, a=model, b=model, **options)
        assert result.code == 0, result
        for agent in result.status["agents"].values():
            assert agent["status"] in ("voted", "completed"), result
            assert agent["error"] is None, result
        return result, server.requests()


def fails(model, *words):
    """A run of such a model and a good one: only the first suffers."""
    with responses.Server() as server:
        result = run(server, bad=model, good="gpt-4o", top=ONE_TRY)
        assert result.code == 0 and result.winner == "good", result
        error = result.status["agents"]["bad"]["error"]
        for word in words:
            assert word in error["message"], result
        asked = [r for r in server.requests() if r["body"]["model"] == model]
        return result, asked


def test_two_agents():
    result, requests = works("gpt-5")
    assert result.answer == b"The final answer is 4.", result
    for request in requests:
        assert request["path"] == "/v1/responses", request
    names = [tool["name"] for tool in requests[0]["body"]["tools"]]
    assert names == ["new_answer", "vote"], names


def test_models_that_do_not_reason():
    works("gpt-4o")


def test_usage_is_what_the_server_said():
    result, requests = works("gpt-5")
    total = result.status["results"]["usage"]
    calls = len(requests)
    assert total["call_count"] == calls, (total, calls)
    assert total["input_tokens"] == 100 * calls, total
    assert total["cached_input_tokens"] == 40 * calls, total
    assert total["output_tokens"] == 20 * calls, total
    assert total["reasoning_tokens"] == 5 * calls, total


def test_replies_of_every_form():
    for words in ("no-output", "no-events", "whole", "commentary"):
        for name in ("gpt-5", "gpt-4o"):
            works(f"{name}+{words}")


def test_history_goes_back_as_it_came():
    for words in ("text-first", "two-calls", "unknown-tool"):
        _, requests = works(f"gpt-5+{words}+commentary")
        items = max((r["body"]["input"] for r in requests), key=len)
        kinds = [item.get("type", item.get("role")) for item in items]
        assert kinds[1] == "reasoning", kinds
        assert kinds[-1] in ("user", "function_call_output"), kinds


def test_temporary_failures_are_retried():
    for words in (
        "failed-then-ok",
        "error-then-ok+nested",
        "error-then-ok+flat",
        "broken-then-ok",
    ):
        result, _ = works(f"gpt-5+{words}")
        for agent in result.status["agents"].values():
            assert agent["attempts"] == 1, (words, result)


def test_failures_that_stay():
    for words in ("quota", "invalid"):
        result, asked = fails(f"gpt-5+{words}", "This is ")
        assert result.status["agents"]["bad"]["attempts"] == 1, result
        assert len(asked) == 1, (words, len(asked))


def test_cut_calls_are_not_run():
    _, asked = fails("gpt-5+cut")
    assert len(asked) >= 3, asked
    last = asked[-1]["body"]["input"]
    assert {item.get("role") for item in last} == {"user"}, last


def test_parameters():
    _, requests = works(
        "gpt-5",
        backend={
            "max_tokens": 500,
            "reasoning": {"effort": "low", "summary": "auto"},
            "text": {"verbosity": "low"},
        },
    )
    for request in requests:
        body = request["body"]
        assert body["max_output_tokens"] == 500, body
        assert body["reasoning"] == {"effort": "low", "summary": "auto"}
        assert body["text"] == {"verbosity": "low"}, body
        assert "temperature" not in body, body


def test_azure():
    with responses.Server("/openai/v1") as server:
        result = run(server, kind="azure_openai", a="gpt-5", b="gpt-4o")
        assert result.code == 0, result
        for request in server.requests():
            assert request["path"] == "/openai/v1/responses", request


def test_grok():
    works("grok-4", kind="grok")


if __name__ == "__main__":
    harness.main()
