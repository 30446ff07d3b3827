#!/usr/bin/python3
"""Whole runs against an OpenAI-compatible server, kind and unkind."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import wire  # noqa: E402
from massgen import ONE_TRY, agents_config  # noqa: E402

GROQ = wire.Wire("groq", llm.Server, "ok", "GROQ_API_KEY")
ENV, run, works, fails = GROQ.env, GROQ.run, GROQ.works, GROQ.fails


def test_two_agents():
    result, requests = works("ok")
    assert b"Answer" in result.answer, result
    for request in requests:
        assert request["path"] == "/v1/chat/completions", request
        assert request["authorization_sha256"] == llm.key_sum(), request
        assert request["body"]["model"] == "ok", request
    offered = {
        tool["function"]["name"]
        for tool in requests[0]["body"]["tools"]
    }
    assert {"new_answer", "vote"} <= offered, offered
    assert "What is it?" in str(requests[0]["body"]["messages"])


def test_agents_are_shown_anonymous_answers():
    with llm.Server() as server:
        config = agents_config(
            {
                "zebra": llm.agent(server, "ok"),
                "yak": llm.agent(server, "ok+delay-300"),
            }
        )
        result = massgen.run("Q?", config=config, env=ENV)
        assert result.code == 0, result
        bodies = [str(r["body"]["messages"]) for r in server.requests()]
    assert any("agent1" in body and "Answer" in body for body in bodies)
    for body in bodies:
        assert "zebra" not in body and "yak" not in body, body


def test_presenter_is_shown_answers_and_votes():
    result, requests = works("ok")
    final = result.log_dir / "final" / result.winner / "context.txt"
    for text in (final.read_text(), str(requests[-1]["body"]["messages"])):
        assert "What is it?" in text, text
        assert "It is complete." in text, text
        assert "Answer " in text, text


def test_usage_is_what_the_server_said():
    result, requests = works("ok")
    wire.assert_usage(result, requests)


def test_the_model_is_named():
    result, _ = works("ok")
    assert result.status["agents"]["a"]["model"] == "ok", result


def test_streams_of_every_form():
    for model in (
        "no-index",
        "zero-index",
        "no-ids",
        "whole-call",
        "object-args",
        "stop-reason",
        "reasoning",
        "think",
        "no-usage",
        "crlf+comments",
        "refuse-stream",
        "no-done",
        "slow-drip",
    ):
        works(model)


def test_temporary_failures_are_retried():
    for model in ("429-then-ok+retry-after=0", "500-then-ok", "cut-then-ok"):
        works(model, seconds=60)


def test_a_bad_key_is_not_tried_again():
    result, requests = fails("401", top={})
    assert result.status["agents"]["bad"]["attempts"] == 1, result
    assert len(requests) == 1, len(requests)


def test_permanent_refusals():
    for model in ("400", "403", "404", "413", "422", "quota"):
        result, requests = fails(model, top={})
        assert result.status["agents"]["bad"]["attempts"] == 1, result
        assert len(requests) == 1, (model, len(requests))


def test_all_agents_refused_is_2():
    with llm.Server() as server:
        result = run(server, a="401", b="403")
        assert result.code == 2, result
        assert result.value("Error"), result


def test_a_key_quoted_back_is_hidden():
    fails("echo-key")


def test_errors_inside_a_200():
    for model in ("error-in-200", "error-event", "string-error"):
        fails(
            model,
            top=ONE_TRY | {"timeout_settings": {"agent_timeout_seconds": 3}},
            seconds=60,
        )


def test_nobody_listens():
    port = llm.closed_port()
    config = agents_config(
        {"a": llm.agent(f"http://127.0.0.1:{port}/v1", "ok")},
        timeout_settings={"agent_timeout_seconds": 2},
        **ONE_TRY,
    )
    result = massgen.run("Q", config=config, env=ENV)
    assert result.code == 2, result
    message = result.status["agents"]["a"]["error"]["message"]
    assert message, result


def test_a_server_that_never_answers():
    listener = llm.silent_server()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    config = agents_config(
        {"a": llm.agent(url, "ok")},
        timeout_settings={"agent_timeout_seconds": 1},
        **ONE_TRY,
    )
    result = massgen.run("Q", config=config, env=ENV)
    listener.close()
    assert result.code == 2, result
    assert result.status["agents"]["a"]["status"] == "timeout", result


def test_stalls_are_ended_by_the_limits():
    for model in ("stall-headers", "stall-body", "keep-alive"):
        result, _ = fails(
            model,
            top=ONE_TRY | {"timeout_settings": {"agent_timeout_seconds": 1}},
        )
        assert result.status["agents"]["bad"]["status"] == "timeout", result


def test_a_stream_that_does_not_close_is_over_all_the_same():
    works("stall-end")


def test_nonsense_from_a_server():
    for model in ("not-http", "html-502", "endless-headers", "endless-error"):
        fails(
            model,
            top=ONE_TRY | {"timeout_settings": {"agent_timeout_seconds": 3}},
            seconds=60,
        )


def test_redirects_are_not_followed_with_the_key():
    _, requests = fails("redirect")
    assert not [r for r in requests if r["path"] == "/stolen"], requests


def test_a_model_that_never_decides():
    with llm.Server() as server:
        result = run(server, a="never-decides", top=ONE_TRY)
        assert result.code == 2, result
        assert len(server.requests()) == 3, server.requests()


def test_a_model_that_says_nothing():
    fails("empty", seconds=60)


def test_refused_votes_go_back_to_the_model():
    for model in ("votes-unknown-agent", "two-votes", "unknown-tool"):
        _, asked = fails(model)
        assert len(asked) >= 2, (model, len(asked))
        roles = [m["role"] for m in asked[-1]["body"]["messages"]]
        assert "tool" in roles, roles


def test_arguments_that_are_no_json():
    with llm.Server() as server:
        result = run(server, a="bad-json-args", top=ONE_TRY)
        assert result.code == 2, result
        assert len(server.requests()) == 3, server.requests()


def test_answers_with_bad_bytes():
    for model in ("nul", "escapes", "invalid-utf8"):
        with llm.Server() as server:
            result = run(server, a=model, b="ok", top=ONE_TRY)
            assert result.code == 0, result
            for path in result.log_dir.rglob("answer.txt"):
                path.read_bytes().decode("utf-8")
                assert b"\0" not in path.read_bytes(), path


def test_a_huge_answer():
    with llm.Server() as server:
        result = run(
            server,
            a="huge-1",
            seconds=60,
            top={"timeout_settings": {"agent_timeout_seconds": 30}},
        )
        assert result.code == 0, result
        (answer,) = result.log_dir.glob("a/*/answer.txt")
        assert answer.stat().st_size == 1024 * 1024


def test_an_endless_answer():
    with llm.Server() as server:
        result = run(server, a="huge-10", b="ok", top=ONE_TRY)
        assert result.code == 0 and result.winner == "b", result
        error = result.status["agents"]["a"]["error"]
        assert "longer than 2 MiB" in error["message"], error
        asked = [r["body"]["model"] for r in server.requests()]
        assert asked.count("huge-10") == 1, asked


def test_news_reach_an_agent_in_the_middle_of_its_turn():
    with llm.Server() as server:
        result = run(server, quick="answer-only", slow="ok+delay-600",
                     top={"orchestrator": {"max_new_answers_per_agent": 1}})
        requests = server.requests()
    slow = [r for r in requests if r["body"]["model"].startswith("ok")]
    assert "Answer" in str(slow[-1]["body"]["messages"]), result


def test_an_interrupt_in_the_middle_of_a_stream():
    with llm.Server() as server:
        config = agents_config(
            {i: llm.agent(server, "stall-body") for i in "ab"}
        )
        going = massgen.start("Q", config=config, env=ENV)
        server.requests(wait=2)
        going.signal(2)
        result = going.wait(10)
        massgen.assert_clean(result)
        assert result.code == 4, result


def test_a_quick_run_without_a_file():
    with llm.Server() as server:
        result = massgen.run(
            "--backend", "groq", "--model", "ok", "--base-url", server.url,
            "--system-message", "Be brief.", "Q?", env=ENV,
        )  # fmt: skip
        assert result.code == 0, result
        assert "Be brief." in str(server.requests()[0]["body"]["messages"])


def test_a_run_that_would_cost_too_much():
    with llm.Server() as server:
        config = agents_config(
            {"a": llm.agent(server, "gpt-4o", kind="chatcompletion")}
        )
        result = massgen.run(
            "--max-cost", "0.0000001", "Q", config=config,
            env={"OPENAI_API_KEY": llm.KEY},
        )  # fmt: skip
        assert result.code == 2, result
        assert not server.requests(), "a call was made all the same"


def test_proxies_of_the_environment_are_not_used_for_loopback():
    port = llm.closed_port()
    with llm.Server() as server:
        config = agents_config({"a": llm.agent(server, "ok")})
        proxy = f"http://127.0.0.1:{port}"
        result = massgen.run(
            "Q",
            config=config,
            env=ENV | {"no_proxy": "127.0.0.1", "http_proxy": proxy},
        )
        assert result.code == 0, result


if __name__ == "__main__":
    harness.main()
