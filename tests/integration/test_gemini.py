#!/usr/bin/python3
"""Whole runs of agents that speak the Gemini API."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import wire  # noqa: E402
from massgen import ONE_TRY  # noqa: E402

GEMINI = wire.Wire("gemini", llm.Gemini, "gemini-3-pro", "GOOGLE_API_KEY")
fails = GEMINI.fails


def works(model, **options):
    """As any kind does, and the final answer is the model's."""
    result, requests = GEMINI.works(model, **options)
    assert result.answer.decode() == f"The final answer, of {model}.", result
    return result, requests


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
    wire.assert_usage(result, requests)


def test_temporary_failures_are_retried():
    for word in ("malformed", "429", "cut"):
        works(f"gemini-3-pro+{word}")


def test_a_list_for_a_stream():
    works("gemini-3-pro+list")


def test_a_blocked_prompt():
    _, requests = fails("gemini-3-pro+blocked", "OTHER: Not this.")
    assert len(requests) == 1, requests


def test_a_quota_for_the_day():
    _, requests = fails("gemini-3-pro+daily", "HTTP 429", "No more")
    assert len(requests) == 1, requests


def test_an_unknown_parameter():
    with llm.Gemini() as server:
        result = GEMINI.run(
            server, top=ONE_TRY, params={"min_p": 0.1}, a="gemini-3-pro"
        )
    assert result.code == 2, result
    message = result.status["agents"]["a"]["error"]["message"]
    assert 'Unknown name "min_p"' in message, message


def test_a_server_that_this_project_did_not_write():
    """Its end of a reply with calls is no word of the API's."""
    for entry in GEMINI.works_with_aimock():
        assert ":streamGenerateContent" in entry["path"], entry


if __name__ == "__main__":
    harness.main()
