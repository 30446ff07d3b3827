#!/usr/bin/python3
"""Keys go to servers only that prove who they are."""

import json
import pathlib
import ssl
import sys
import urllib.request

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
from massgen import ONE_TRY, agents_config  # noqa: E402

PAIR = str(TESTS / "fixtures/tls.pem")
TRUSTED = {"GROQ_API_KEY": llm.KEY, "SSL_CERT_FILE": PAIR}


def run(url, env):
    """A run of one agent without a second chance."""
    config = agents_config({"a": llm.agent(url, "ok")}, **ONE_TRY)
    return massgen.run("Why?", config=config, env=env)


def secure_server():
    """A server with a certificate of its own making."""
    return llm.Server("--tls", PAIR, PAIR)


def received(server):
    """What came to the server."""
    trust = ssl.create_default_context(cafile=PAIR)
    url = f"https://127.0.0.1:{server.port}/requests"
    with urllib.request.urlopen(url, timeout=20, context=trust) as reply:
        return json.load(reply)


def fails(url, env, server):
    """The agent ends at once, and the server never hears of it."""
    result = run(url, env)
    assert result.code == 2, result
    agent = result.status["agents"]["a"]
    assert "certificate" in agent["error"]["message"], result
    assert agent["attempts"] == 1, result
    assert received(server) == [], result


def test_trusted_certificate():
    with secure_server() as server:
        result = run(f"https://127.0.0.1:{server.port}/v1", TRUSTED)
        assert result.code == 0, result
        requests = received(server)
        assert len(requests) == result.status["agents"]["a"]["usage"][
            "call_count"
        ], result
        for request in requests:
            assert request["authorization_sha256"] == llm.key_sum(), request


def test_unknown_certificate():
    with secure_server() as server:
        env = {"GROQ_API_KEY": llm.KEY}
        fails(f"https://127.0.0.1:{server.port}/v1", env, server)


def test_certificate_of_another_host():
    with secure_server() as server:
        fails(f"https://localhost:{server.port}/v1", TRUSTED, server)


def test_plain_server_behind_https():
    with llm.Server() as server:
        result = run(f"https://127.0.0.1:{server.port}/v1", TRUSTED)
        assert result.code == 2, result
        assert not server.requests(), result


if __name__ == "__main__":
    harness.main()
