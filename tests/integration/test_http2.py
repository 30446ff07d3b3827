#!/usr/bin/python3
"""Whole runs over HTTP/2, with a server that has nothing else."""

import json
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import loopback  # noqa: E402
import massgen  # noqa: E402
import node  # noqa: E402
from massgen import agents_config  # noqa: E402

PAIR = str(TESTS / "fixtures/tls.pem")
ENV = {"GROQ_API_KEY": llm.KEY, "SSL_CERT_FILE": PAIR}


def run(*arguments):
    """A run of two agents; returns it and what the server saw."""
    with loopback.Program(
        node.program(), TESTS / "bin/http2-llm.cjs", PAIR, *arguments
    ) as server:
        url = f"https://127.0.0.1:{server.port}/v1"
        config = agents_config({i: llm.agent(url, i) for i in "ab"})
        result = massgen.run("Why?", config=config, env=ENV)
    assert result.code == 0, result
    assert result.answer == b"The final answer, over HTTP/2.", result
    for agent in result.status["agents"].values():
        assert agent["error"] is None, result
        assert agent["attempts"] == 1, result
    connections = json.loads(server.output)
    for connection in connections:
        assert connection["protocol"] == "h2", connections
        assert connection["authorized"], connections
    return result, connections


def calls_of(result):
    """{agent: calls}; the model has the agent's name."""
    return {
        name: agent["usage"]["call_count"]
        for name, agent in result.status["agents"].items()
    }


def test_an_agent_has_one_connection_for_all_its_calls():
    result, connections = run()
    calls = calls_of(result)
    assert sum(calls.values()) >= 4, calls
    asked = {models[0]: models for models in (c["models"] for c in connections)}
    assert len(connections) == len(asked) == 2, connections
    for name, count in calls.items():
        assert asked[name] == [name] * count, (connections, calls)


def test_a_connection_that_the_server_closes_is_made_again():
    result, connections = run("goaway")
    calls = calls_of(result)
    used = [c["models"] for c in connections if c["models"]]
    # a call on a connection that is just being closed is made again
    assert 4 <= len(used) <= sum(calls.values()), (connections, calls)
    for models in used:
        assert len(models) == 1, connections


if __name__ == "__main__":
    harness.main()
