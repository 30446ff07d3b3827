#!/usr/bin/python3
"""What our workers send, held against the types of the vendors' own libraries.

The types become JSON Schemas once; they are kept in the build directory.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import node as pinned  # noqa: E402
import responses  # noqa: E402
from massgen import ONE_TRY, agents_config  # noqa: E402

SDK = TESTS / "lib" / "sdk"
TYPES = ("Chat", "Responses", "Claude", "Gemini")
ENV = {
    "ANTHROPIC_API_KEY": llm.KEY,
    "GOOGLE_API_KEY": llm.KEY,
    "OPENAI_API_KEY": llm.KEY,
}


def node(program, *arguments, **options):
    """What one of our programs for node prints, as JSON."""
    pinned.module("ajv")
    done = subprocess.run(
        [pinned.program(), SDK / program, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
        **options,
    )
    return json.loads(done.stdout)


def schemas():
    """The file with the schemas; it is made unless there is one."""
    digest = hashlib.sha256()
    for path in (TESTS / "package-lock.json", *sorted(SDK.glob("*"))):
        digest.update(path.read_bytes())
    path = harness.BUILD / "sdk-types" / f"{digest.hexdigest()[:16]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.parent / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            new = path.with_suffix(f".{os.getpid()}")
            new.write_text(json.dumps(node("make.mjs", *TYPES)))
            new.rename(path)
    return path


def complaints(kind, bodies):
    """For each body, what in it is not of that type."""
    text = json.dumps(bodies)
    return node("check.mjs", schemas(), kind, input=text.encode())


def check(kind, bodies, *wanted):
    """All bodies are right, and all that is wanted occurs in them."""
    assert len(bodies) >= 3, bodies
    for body, wrong in zip(bodies, complaints(kind, bodies)):
        assert not wrong, "\n".join(wrong) + "\n" + json.dumps(body, indent=1)
    text = json.dumps(bodies)
    for word in wanted:
        assert word in text, f"no request has {word}"


def ask(make_server, kind, *models, **backend):
    """The bodies of all requests of a run of such models."""
    with make_server() as server:
        agents = {
            f"a{n}": llm.agent(server, model, kind=kind, **backend)
            for n, model in enumerate(models)
        }
        config = agents_config(agents, **ONE_TRY)
        result = massgen.run("How many are 2 + 2?", config=config, env=ENV)
        assert result.code == 0, result
        return [request["body"] for request in server.requests()]


CHAT = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 500,
    "seed": 7,
    "stop": ["END"],
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
}


def test_chat():
    bodies = ask(
        llm.Server,
        "chatcompletion",
        "ok",
        "two-votes",
        "unknown-tool",
        "vote-and-answer",
        "votes-unknown-agent",
        "reasoning",
        api_key="${OPENAI_API_KEY}",
        **CHAT,
    )
    check("Chat", bodies, '"tool_call_id"', '"tool_calls"', *CHAT)


def test_chat_that_goes_wrong():
    bodies = ask(
        llm.Server,
        "chatcompletion",
        "ok",
        "bad-json-args",
        "no-ids",
        "object-args",
        "never-decides",
        "empty",
        "length",
        api_key="${OPENAI_API_KEY}",
    )
    check("Chat", bodies, '"tool_call_id"', '"tool_calls"')


def test_responses():
    bodies = ask(
        responses.Server,
        "openai",
        "gpt-5+two-calls",
        "gpt-5+unknown-tool",
        "gpt-5+text-first",
        "gpt-5+commentary",
        max_tokens=4000,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low"},
    )
    check(
        "Responses",
        bodies,
        '"function_call_output"',
        '"encrypted_content"',
        '"max_output_tokens"',
        '"verbosity"',
    )


def test_responses_without_reasoning():
    bodies = ask(
        responses.Server,
        "openai",
        "gpt-4o",
        "gpt-4o+two-calls",
        temperature=0.5,
        enable_web_search=True,
    )
    check("Responses", bodies, '"web_search"', '"temperature"')


def test_claude():
    bodies = ask(
        llm.Claude,
        "claude",
        "claude-a",
        "claude-a+loop",
        "claude-a+search",
        "claude-a+loop+hidden",
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        enable_web_search=True,
    )
    check(
        "Claude",
        bodies,
        '"tool_result"',
        '"is_error"',
        '"thinking"',
        '"redacted_thinking"',
        '"server_tool_use"',
        '"cache_control"',
    )


def capitals(schema):
    """The API takes the types of a tool's schema in any case, the library's
    type in capitals only.
    """
    if isinstance(schema, list):
        return [capitals(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: value.upper()
        if name == "type" and isinstance(value, str)
        else capitals(value)
        for name, value in schema.items()
    }


def test_gemini():
    bodies = ask(
        llm.Gemini,
        "gemini",
        "gemini-3-pro",
        "gemini-3-x+loop",
        "gemini-3-x+thoughts",
        temperature=0.5,
        max_tokens=4000,
        stop=["END"],
    )
    bodies += ask(
        llm.Gemini, "gemini", "gemini-2.5-x+loop", "gemini-2.5-x+thoughts"
    )
    for body in bodies:
        if "tools" in body:
            body["tools"] = capitals(body["tools"])
    check(
        "Gemini",
        bodies,
        '"functionResponse"',
        '"thoughtSignature"',
        '"functionDeclarations"',
        '"maxOutputTokens"',
    )


SAID = [{"role": "user", "content": "Hi"}]
GOOD = {
    "Chat": {"model": "m", "messages": SAID, "stream": True},
    "Responses": {"model": "m", "input": SAID, "store": False},
    "Claude": {"model": "m", "messages": SAID, "max_tokens": 9},
    "Gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
}
BAD = {
    "Chat": [
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"tools": [{"type": "function", "function": {}}]},
        {"max_output_tokens": 5},
    ],
    "Responses": [
        {"input": [{"type": "function_call_output", "output": "x"}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"max_tokens": 5},
        {"reasoning": {"effort": 3}},
    ],
    "Claude": [
        {"max_tokens": None},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
        {"tools": [{"name": "f", "parameters": {}}]},
    ],
    "Gemini": [
        {"generation_config": {}},
        {"generationConfig": {"max_tokens": 5}},
        {"contents": [{"role": "user", "parts": [{"txt": "x"}]}]},
        {"tools": [{"functionDeclarations": [{"schema": {}}]}]},
    ],
}


def test_what_is_wrong_is_found():
    for kind, good in GOOD.items():
        bodies = [good] + [good | bad for bad in BAD[kind]]
        wrong = complaints(kind, bodies)
        assert wrong[0] == [], wrong[0]
        for body, found in zip(bodies[1:], wrong[1:]):
            assert found, f"{kind}: nothing wrong with {body}"


if __name__ == "__main__":
    harness.main()
