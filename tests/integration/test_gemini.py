#!/usr/bin/python3
"""Whole runs of agents that speak the Gemini API."""

import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
from massgen import agents_config  # noqa: E402
from node import aimock  # noqa: E402

ENV = {"GOOGLE_API_KEY": llm.KEY}
ONE_TRY = {"orchestrator": {"max_restarts_per_agent": 0}}


def run(server, top=None, params=None, **models):
    """A run of {id: model name}."""
    config = agents_config(
        {
            i: llm.agent(server, model, kind="gemini", **(params or {}))
            for i, model in models.items()
        },
        **(top or {}),
    )
    result = massgen.run("What is it?", config=config, env=ENV)
    assert not llm.files_with(result.log_dir, llm.KEY), result
    assert llm.KEY not in result.stdout + result.stderr
    return result


def works(model, **options):
    """A run of two such models ends well; returns it and the requests."""
    with llm.Gemini() as server:
        result = run(server, a=model, b=model, **options)
        requests = server.requests()
    assert result.code == 0, result
    for agent in result.status["agents"].values():
        assert agent["error"] is None, result
        assert agent["attempts"] == 1, result
    assert result.answer.decode() == f"The final answer, of {model}.", result
    return result, requests


def fails(model, *words):
    """A run of such a model and a good one: only the first suffers."""
    with llm.Gemini() as server:
        result = run(server, top=ONE_TRY, bad=model, good="gemini-3-pro")
        requests = server.requests()
    assert result.code == 0 and result.winner == "good", result
    message = result.status["agents"]["bad"]["error"]["message"]
    for word in words:
        assert word in message, f"{word!r} not in {message!r}"
    return [r for r in requests if model.split("+")[1] in r["path"]]


def test_two_agents():
    for model in ("gemini-3-pro", "gemini-2.5-flash"):
        _, requests = works(model)
        path = f"/v1beta/models/{model}:streamGenerateContent?alt=sse"
        for request in requests:
            assert request["path"] == path, request
            assert request["headers"]["x-goog-api-key"] == llm.KEY, request
            assert "generationConfig" not in request["body"], request
        body = requests[0]["body"]
        assert "What is it?" in str(body["contents"]), body
        assert "one of several agents" in str(body["systemInstruction"]), body
        functions = body["tools"][0]["functionDeclarations"]
        assert [f["name"] for f in functions] == ["new_answer", "vote"], body


def test_a_loop_of_tools():
    for model in ("gemini-3-pro+loop", "gemini-2.5-flash+loop"):
        _, requests = works(model)
        contents = next(
            r["body"]["contents"]
            for r in requests
            if len(r["body"]["contents"]) > 2
        )
        assert [c["role"] for c in contents[:3]] == ["user", "model", "user"]
        calls, results = contents[1]["parts"], contents[2]["parts"]
        assert len(calls) == len(results) == 2, contents
        signed = ["thoughtSignature" in part for part in calls]
        assert signed == [model.startswith("gemini-3"), False], calls


def test_thoughts_are_no_answer():
    result, requests = works(
        "gemini-3-pro+thoughts",
        params={"reasoning": {"effort": "low"}, "temperature": 0.5},
    )
    assert requests[0]["body"]["generationConfig"] == {
        "temperature": 0.5,
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
    }
    assert b"I think." not in result.answer, result


def test_usage():
    result, requests = works("gemini-3-pro")
    total = result.status["results"]["usage"]
    calls = len(requests)
    assert total["call_count"] == calls, (total, calls)
    assert total["input_tokens"] == 100 * calls, total
    assert total["cached_input_tokens"] == 40 * calls, total
    assert total["output_tokens"] == 20 * calls, total
    assert total["reasoning_tokens"] == 5 * calls, total


def test_temporary_failures_are_retried():
    for word in ("malformed", "429", "cut"):
        works(f"gemini-3-pro+{word}")


def test_a_list_for_a_stream():
    works("gemini-3-pro+list")


def test_a_blocked_prompt():
    assert len(fails("gemini-3-pro+blocked", "OTHER: Not this.")) == 1


def test_a_quota_for_the_day():
    assert len(fails("gemini-3-pro+daily", "HTTP 429", "No more")) == 1


def test_an_unknown_parameter():
    with llm.Gemini() as server:
        result = run(
            server, top=ONE_TRY, params={"min_p": 0.1}, a="gemini-3-pro"
        )
    assert result.code == 2, result
    message = result.status["agents"]["a"]["error"]["message"]
    assert 'Unknown name "min_p"' in message, message


def test_a_server_that_this_project_did_not_write():
    """Its end of a reply with calls is no word of the API's."""
    with aimock() as server:
        url = server.at("/v1beta")
        config = agents_config(
            {
                name: llm.agent(url, name, kind="gemini")
                for name in ("alpha", "beta")
            }
        )
        result = massgen.run("How many are 2 + 2?", config=config, env=ENV)
        journal = server.get("/__aimock/journal")
    assert result.code == 0, result
    assert b"said by aimock" in result.answer, result
    for agent in result.status["agents"].values():
        assert agent["error"] is None, result
    for entry in journal:
        assert entry["response"]["status"] == 200, entry
        assert ":streamGenerateContent" in entry["path"], entry


if __name__ == "__main__":
    harness.main()
