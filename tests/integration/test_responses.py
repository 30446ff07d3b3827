#!/usr/bin/python3
"""Whole runs against a strict server of OpenAI's Responses API."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import responses  # noqa: E402
import wire  # noqa: E402


class Strict(wire.Wire):
    """Agents none of whose requests is refused."""

    def run(self, server, **options):
        result = super().run(server, **options)
        refused = [r["refused"] for r in server.requests() if "refused" in r]
        assert not refused, f"{refused}\n{result}"
        return result


OPENAI = Strict(
    "openai",
    responses.Server,
    "gpt-4o",
    "OPENAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "XAI_API_KEY",
)
run, works, fails = OPENAI.run, OPENAI.works, OPENAI.fails


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
    wire.assert_usage(result, requests)


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
        works(f"gpt-5+{words}")


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
        params={
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
