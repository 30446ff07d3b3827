#!/usr/bin/python3
"""Tools of MCP servers that this project did not write."""

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
import node  # noqa: E402
from worker import Worker, call, tools  # noqa: E402

PIXEL = "[image, image/png, "


def server(name, *arguments):
    """The command of a server from npm."""
    script = node.module(f".bin/mcp-server-{name}")
    return [node.program(), str(script), *arguments]


def stdio(name, *arguments, **more):
    """Its entry, for a worker."""
    return {
        "name": name,
        "type": "stdio",
        "command": server(name, *arguments),
    } | more


def answers(servers, *calls):
    """What each call comes to, one turn after the other."""
    script = [{"tools": [one], "answer": "{{result}}"} for one in calls]
    with Worker(
        *script, tools=tools(mcp=servers, read=[str(node.MODULES)])
    ) as one:
        said = [one.turn() for _ in calls]
        assert one.end() == 0, one.words()
        return said, one.words()


def test_filesystem():
    text = "x" * 50000
    said, words = answers(
        [stdio("filesystem", ".")],
        call("mcp__filesystem__write_file", path="note.txt", content=text),
        call("mcp__filesystem__read_text_file", path="note.txt"),
        call("mcp__filesystem__list_directory", path="."),
        call("mcp__filesystem__read_text_file", path="/etc/passwd"),
        call("mcp__filesystem__read_text_file", wrong=1),
    )
    assert "Successfully wrote" in said[0], (said[0], words)
    assert said[1] == text, said[1][:200]
    assert said[2] == "[FILE] note.txt", said[2]
    assert "Access denied" in said[3], said[3]
    assert "nvalid" in said[4], said[4]
    assert pathlib.Path("workspace/note.txt").read_text() == text


def test_memory():
    entity = {"name": "x", "entityType": "program", "observations": ["é"]}
    kept = str(pathlib.Path.cwd() / "workspace/memory.json")
    said, words = answers(
        [stdio("memory", env={"MEMORY_FILE_PATH": kept})],
        call("mcp__memory__create_entities", entities=[entity]),
        call("mcp__memory__read_graph"),
        call("mcp__memory__search_nodes", query="nothing"),
    )
    assert json.loads(said[0]) == [entity], (said[0], words)
    assert json.loads(said[1])["entities"] == [entity], said[1]
    assert json.loads(said[2])["entities"] == [], said[2]


EVERYTHING = (
    ("echo", {"message": "hé"}, "Echo: hé"),
    ("get-sum", {"a": 2, "b": 3}, "The sum of 2 and 3 is 5."),
    ("get-tiny-image", {}, PIXEL),
    ("get-structured-content", {"location": "Chicago"}, "temperature"),
    ("get-resource-links", {"count": 2}, "[resource demo://"),
    (
        "trigger-long-running-operation",
        {"duration": 1, "steps": 4},
        "completed",
    ),
    ("get-sum", {"a": "x"}, "nvalid"),
)


def everything(entry):
    """All of server-everything that needs nothing from a client."""
    prefix = f"mcp__{entry['name']}__"
    said, words = answers(
        [entry],
        *(call(prefix + name, **args) for name, args, _ in EVERYTHING),
    )
    for text, (name, _, want) in zip(said, EVERYTHING):
        assert want in text, (name, text, words)


def test_everything():
    everything(stdio("everything"))


def web_server():
    """server-everything over HTTP, on the loopback."""
    return node.Server("mcp-server-everything", "streamableHttp")


def test_everything_over_http():
    with web_server() as one:
        url = one.at("/mcp")
        everything({"name": "web", "type": "streamable-http", "url": url})
    assert "Received session termination request" in one.output, one.output


def entry(name, *arguments, **more):
    """A server's entry in a configuration."""
    command, *rest = server(name, *arguments)
    return {
        "name": name,
        "type": "stdio",
        "command": command,
        "args": rest,
    } | more


def ask(*lines):
    """A question for the model "calls" of fake-llm."""
    return "\n".join(
        ["Please.", *(f"{w} {n} {json.dumps(a)}" for w, n, a in lines)]
    )


def run(question, servers, **backend):
    """A whole run of one agent with these servers; what the model saw."""
    with llm.Server() as model:
        agent = llm.agent(
            model,
            "calls",
            kind="chatcompletion",
            cwd="work",
            mcp_servers=servers,
            **backend,
        )
        places = [{"path": str(node.MODULES), "permission": "read"}]
        config = massgen.agents_config(
            {"alpha": agent}, orchestrator={"context_paths": places}
        )
        result = massgen.run(
            question, config=config, env={"OPENAI_API_KEY": llm.KEY}
        )
        assert result.code == 0, result
        last = model.requests()[-1]["body"]
    results = [
        message["content"]
        for message in last["messages"]
        if message["role"] == "tool"
    ]
    names = [tool["function"]["name"] for tool in last.get("tools", [])]
    return result, results, names


def test_a_whole_run():
    with web_server() as web:
        result, results, names = run(
            ask(
                ("PRESENT", "mcp__filesystem__write_file",
                 {"path": "final.txt", "content": "written by a server"}),
                ("PRESENT", "mcp__everything__echo", {"message": "a"}),
                ("PRESENT", "mcp__web__get-sum", {"a": 20, "b": 22}),
            ),
            [
                entry("filesystem", "."),
                entry("everything"),
                {"name": "web", "type": "streamable-http",
                 "url": web.at("/mcp"),
                 "security": {"allow_localhost": True}},
            ],
        )
    assert "Successfully wrote" in results[0], (results, result)
    assert results[1:] == [
        "Echo: a",
        "The sum of 20 and 22 is 42.",
    ], (results, result)
    assert "mcp__filesystem__read_text_file" in names, names
    final = result.log_dir / "final/alpha/workspace/final.txt"
    assert final.read_text() == "written by a server", result


def test_a_run_with_a_server_that_is_not_there():
    result, _, names = run(
        "Why?",
        [
            entry("memory"),
            {"name": "gone", "type": "stdio", "command": "no-such-program"},
        ],
    )
    assert any(name.startswith("mcp__memory__") for name in names), names
    assert not any(name.startswith("mcp__gone__") for name in names), names
    log = (result.log_dir / "massgen.log").read_text()
    assert "MCP server gone:" in log, result


def test_filters_of_a_run():
    _, _, names = run(
        "Why?",
        [
            entry(
                "filesystem",
                ".",
                allowed_tools=["read_text_file", "edit_file"],
            ),
            entry("memory", exclude_tools=["read_graph"]),
        ],
        exclude_tools=["mcp__filesystem__edit_file"],
    )
    served = sorted(name for name in names if name.startswith("mcp__"))
    assert "mcp__filesystem__read_text_file" in served, served
    assert len([n for n in served if "filesystem" in n]) == 1, served
    assert "mcp__memory__open_nodes" in served, served
    assert "mcp__memory__read_graph" not in served, served


# --- the protocol's own tests


def conformance(scenario):
    """Their client scenario, with a worker for the client."""
    program = node.module("@modelcontextprotocol/conformance/dist/index.js")
    command = node.program()
    version = subprocess.run(
        [command, "--version"], capture_output=True, text=True, check=True
    ).stdout
    if int(version.lstrip("v").split(".")[0]) < 22:
        raise harness.Skip(f"needs node 22, here is {version.strip()}")
    done = subprocess.run(
        [command, program, "client", "--scenario", scenario,
         "--command", str(TESTS / "bin/mcp-client")],
        capture_output=True,
        text=True,
        timeout=50,
        env=os.environ | {"MASSGEN_BUILD": str(harness.BUILD)},
    )
    assert "OVERALL: PASSED" in done.stdout + done.stderr, (
        done.stdout + done.stderr
    )


def test_conformance_initialize():
    conformance("initialize")


def test_conformance_tools_call():
    conformance("tools_call")


def test_conformance_sse_retry():
    conformance("sse-retry")


if __name__ == "__main__":
    harness.main()
