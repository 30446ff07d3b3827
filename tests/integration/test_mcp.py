#!/usr/bin/python3
"""Tools of MCP servers: well-behaved, and not."""

import json
import os
import pathlib
import signal
import socket
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "lib"))
import harness  # noqa: E402
import loopback  # noqa: E402
import worker  # noqa: E402
from harness import wait_until  # noqa: E402
import worker  # noqa: E402
from worker import Worker, call, tools  # noqa: E402

FAKE = str(TESTS / "bin" / "fake-mcp")


def stdio(words="ok", name="f", **more):
    """A server's entry."""
    return {"name": name, "type": "stdio", "command": [FAKE, words]} | more


def at(url, name="f", **more):
    """Likewise, at a URL."""
    return {"name": name, "type": "streamable-http", "url": url} | more


def step(*calls):
    """Make these calls; the last one's result is the answer."""
    made = [
        call(f"mcp__f__{one}") if isinstance(one, str) else one
        for one in calls
    ]
    return {"tools": made, "answer": "{{result}}"}


def echo(text="hello"):
    """A call that comes to its argument."""
    return call("mcp__f__echo", text=text)


def agent(*script, servers=None, env=None, **more):
    """A worker with servers; stdio() alone by default."""
    servers = [stdio()] if servers is None else servers
    more = {"read": [str(TESTS)]} | more
    return Worker(*script, tools=tools(mcp=servers, **more), env=env)


def answers(*script, **how):
    """What each step of the script comes to."""
    with agent(*script, **how) as one:
        result = [one.turn() for _ in script]
        assert one.end() == 0, one.words()
        return result


def error_of(text):
    """The words of a failure."""
    failure = json.loads(text)
    assert failure["success"] is False, failure
    return failure["error"]


def is_alive(pid):
    """Whether a process is there and no zombie."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def children_of(pid):
    """Its children, the collected ones aside."""
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()]


def find_server(words):
    """The pid of a server of that case, as it is seen from here, or None."""
    here = str(pathlib.Path.cwd() / "workspace")
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().split(b"\0")[1:3] == [
                FAKE.encode(),
                words.encode(),
            ] and os.readlink(path.parent / "cwd") == here:
                return int(path.parent.name)
        except OSError:
            continue
    return None


class Http(loopback.Program):
    """fake-mcp --http; ends with its block."""

    def __init__(self, words="ok"):
        super().__init__(FAKE, "--http", words)
        self.url = self.at("/mcp")

    def requests(self):
        """The HTTP part of what it was asked so far."""
        return [one for one in self.get("/seen") if "http" in one]


# --- results


def test_results():
    said = answers(
        step(echo("hé \u2028 \"x\"\n")),
        step(call("mcp__f__add", a=2, b=3.5)),
        step("pieces"),
        step("fail"),
        step("refuse"),
        step("list"),
        step(call("mcp__f__nothing")),
    )
    assert said[0] == "hé \u2028 \"x\"\n", said
    assert json.loads(said[1]) == {"sum": 5.5}, said
    assert said[2].splitlines() == [
        "one",
        "[image, image/png, 8 bytes: not shown]",
        "[audio, audio/wav, 3 bytes: not shown]",
        '[resource file:///x, "x"]',
        "[resource file:///y]",
        "inside",
        '{"type":"riddle","answer":42}',
        "two",
    ], said
    assert said[3] == "It went wrong.", said
    assert "Unknown tool, it says (-32602)" in error_of(said[4]), said
    assert said[5] == "a name that some clients reserve", said
    assert "no such tool" in error_of(said[6]), said


def test_errors_are_told_as_errors():
    with agent(step("fail"), step(echo())) as one:
        one.turn()
        assert one.tool_words("error") == [
            ("mcp__f__fail", "It went wrong.")
        ], one.heard
        one.turn()
        assert one.tool_words("result") == [("mcp__f__echo", "hello")]


def test_versions():
    for words in (
        "version-2024-11-05",
        "version-2024-10-07",
        "version-2025-03-26",
        "refuse-version-2025-06-18",
        "modern",
    ):
        said = answers(step(echo()), step("seen"), servers=[stdio(words)])
        assert said[0] == "hello", (words, said)
        seen = [one["method"] for one in json.loads(said[1])]
        assert seen[0] == "initialize", (words, seen)
        assert "server/discover" in seen or words != "modern", seen
        assert seen[-1] == "tools/call", (words, seen)


def test_a_version_that_nobody_knows():
    with agent(step(), servers=[stdio("version-1999-01-01")]) as one:
        one.turn()
        assert "version 1999-01-01" in one.words(), one.words()


def test_handshake():
    seen = json.loads(answers(step("seen"))[0])
    first, second, third = seen
    assert first["method"] == "initialize", seen
    assert first["params"]["protocolVersion"] == "2025-11-25", seen
    assert first["params"]["capabilities"] == {}, seen
    assert first["params"]["clientInfo"]["name"] == "massgen", seen
    assert second == {
        "jsonrpc": "2.0",
        "method": "notifications/initialized",
    }, seen
    assert third["method"] == "tools/list", seen


def test_odd_ways_to_talk():
    for words in (
        "noisy",
        "slow",
        "batch",
        "crlf",
        "string-ids",
        "garbage-at-start",
        "noisy+batch+string-ids+crlf",
    ):
        said = answers(
            step(echo("é" * 300)),
            step(call("mcp__f__add", a=1, b=1)),
            servers=[stdio(words)],
        )
        assert said == ["é" * 300, '{"sum":2}'], (words, said)


def test_what_is_no_json_is_logged():
    with agent(step(echo()), servers=[stdio("noisy")]) as one:
        one.turn()
        assert "MCP server f: not JSON: what is this" in one.words()
        assert "MCP server f: a word" in one.words()


def test_a_server_may_ask():
    said = json.loads(answers(step("ask"))[0])
    assert said[0] == {"jsonrpc": "2.0", "id": 0, "result": {}}, said
    assert [one["error"]["code"] for one in said[1:]] == [-32601] * 2, said


def test_progress_is_activity():
    with agent(step(call("mcp__f__progress", times=25, pause=0.1))) as one:
        assert one.turn() == "done"
        working = [
            message
            for message in one.heard
            if message.get("activity") == "running_tool"
        ]
        assert 1 <= len(working) <= 6, one.heard


def test_large_arguments_and_results():
    text = "large " * 250000
    said = answers(
        step(call("mcp__f__length", text=text)),
        step(call("mcp__f__length", text="y" * (17 << 20))),
        step(call("mcp__f__big", bytes=1 << 20)),
        step(echo()),
    )
    assert said[0] == "1500000", said[0]
    assert "over 16 MiB" in error_of(said[1]), said[1]
    assert said[2] == "y" * (1 << 20), len(said[2])
    assert said[3] == "hello", said[3]


# --- lists of tools


def test_pages():
    said = answers(
        step(call("mcp__f__tool0")),
        step(call("mcp__f__tool6")),
        servers=[stdio("pages-7")],
    )
    assert said == ["You called tool0.", "You called tool6."], said


def test_pages_without_end():
    with agent(
        step(call("mcp__f__tool99")),
        step(call("mcp__f__tool100")),
        servers=[stdio("endless-pages")],
    ) as one:
        assert one.turn() == "You called tool99."
        assert "no such tool" in one.turn()
        assert "first 100 pages" in one.words()


def test_a_list_that_changes():
    said = answers(
        step("more"), step("change"), step("more"), step("more")
    )
    assert "no such tool" in said[0], said
    assert said[1] == "There is more.", said
    assert said[2:] == ["You called more."] * 2, said
    # within one turn
    assert answers(step("change", "more")) == ["You called more."]


def test_names():
    said = answers(
        step("a_b"), step("gr____e"), servers=[stdio("odd-names")]
    )
    assert said == ["You called a.b.", "You called größe."], said


def test_tools_that_are_none():
    said = answers(
        step(echo()), step("no_schema"), servers=[stdio("odd-tools")]
    )
    assert said == ["hello", "You called no_schema."], said


def test_no_tools():
    with agent(step(), servers=[stdio("no-tools")]) as one:
        one.turn()
        assert "it has no tools" in one.words(), one.words()


def offered(servers, **more):
    """Which of echo, add and pid can be called."""
    names = ("echo", "add", "pid")
    script = [
        step(call(f"mcp__f__{name}", a=1, b=1, text="x")) for name in names
    ]
    said = answers(*script, servers=servers, **more)
    return [
        name
        for name, text in zip(names, said)
        if "no such tool" not in text
    ]


def test_filters():
    assert offered([stdio(allowed_tools=["add"])]) == ["add"]
    assert offered([stdio(allowed_tools=["mcp__f__add"])]) == ["add"]
    assert offered([stdio(exclude_tools=["add"])]) == ["echo", "pid"]
    assert offered([stdio()], allowed_tools=["mcp__f__pid"]) == ["pid"]
    assert offered([stdio()], exclude_tools=["echo"]) == ["add", "pid"]
    assert offered(
        [stdio(allowed_tools=["add", "pid"])], exclude_tools=["mcp__f__pid"]
    ) == ["add"]


# --- life


def test_a_server_lives_as_long_as_the_agent():
    last = step("pid")
    last["present"] = last.pop("answer")
    with agent(step("pid"), step("pid"), last) as one:
        first = one.turn()
        pid = find_server("ok")
        assert one.turn() == first
        assert one.turn(kind="present") == first
        assert is_alive(pid)
        assert one.end() == 0
    assert not is_alive(pid)


def test_a_server_that_stays():
    with agent(step("pid"), servers=[stdio("stays")]) as one:
        one.turn()
        pid = find_server("stays")
        assert one.end() == 0
    assert not is_alive(pid)


def test_a_worker_that_is_killed():
    with agent(step("pid"), servers=[stdio("stays")]) as one:
        one.turn()
        pid = find_server("stays")
        one.process.kill()
        one.process.wait()
        wait_until(lambda: not is_alive(pid), "the server's end", 5)


def test_a_server_that_is_killed():
    with agent(step("pid"), step("kill"), step("pid"), step(echo())) as one:
        one.turn()
        first = find_server("ok")
        assert "signal 9" in error_of(one.turn())
        one.turn()
        second = find_server("ok")
        assert first != second
        # between two turns
        children = children_of(one.process.pid)
        os.kill(second, signal.SIGKILL)
        for child in children:
            wait_until(lambda: not is_alive(child), "its end")  # noqa: B023
        assert one.turn() == "hello"


def test_a_server_that_cannot_be_watched():
    worker.deny_watches()
    with agent(step(echo())) as one:
        one.turn()
        told = one.tool_words("error")
        assert "cannot be watched: No space left" in str(told), told
        assert not find_server("ok")


def test_last_words():
    said = answers(step("exit"), step(echo()))
    assert "exit 7: last words" in error_of(said[0]), said
    assert said[1] == "hello", said


def test_a_server_that_hangs():
    said = answers(
        step("hang"),
        step("seen"),
        step(echo()),
        servers=[stdio(timeout=2)],
    )
    assert "no answer within" in error_of(said[0]), said
    hung, cancelled = json.loads(said[1])[-2:]
    assert hung["params"]["name"] == "hang", said
    assert cancelled["method"] == "notifications/cancelled", said
    assert cancelled["params"]["requestId"] == hung["id"], said
    assert said[2] == "hello", said


def test_a_turn_that_is_cancelled():
    with agent(step("hang"), step("seen"), step(echo())) as one:
        one.begin()
        one.wait_for("tool")
        began = time.monotonic()
        one.cancel()
        seen = json.loads(one.turn())
        assert time.monotonic() - began < 10
        assert seen[-1]["method"] == "notifications/cancelled", seen
        assert one.turn() == "hello"


def test_a_turn_that_is_cancelled_while_a_server_starts():
    with agent(step(echo()), servers=[stdio("hang-at-start")]) as one:
        one.number += 1
        one.send(
            type="turn",
            turn=1,
            kind="answer",
            text="?",
            answers=[],
            seen=0,
            step=0,
            limit_ms=60000,
        )
        wait_until(lambda: find_server("hang-at-start"), "its start")
        one.cancel()
        assert one.end() == 0


def test_floods():
    said = answers(
        step("flood"), step("line"), step(echo()), servers=[stdio(timeout=60)]
    )
    assert "over 64 MiB" in error_of(said[0]), said
    assert "over 16 MiB" in error_of(said[1]), said
    assert said[2] == "hello", said


def test_words_without_end():
    with agent(
        step(call("mcp__f__words", lines=100000)), step(echo())
    ) as one:
        assert one.turn() == "said"
        assert one.turn() == "hello"
        assert one.words().count("word") < 300, len(one.words())


def test_a_server_that_closes_its_output():
    said = answers(step(echo()), servers=[stdio("closes", timeout=1)])
    words = error_of(said[0])
    assert "closed its output" in words or "no answer" in words, said


def test_a_server_that_does_not_read():
    said = answers(
        step(call("mcp__f__length", text="x" * (1 << 20))),
        servers=[stdio("deaf", timeout=0.5)],
    )
    assert "no answer within" in error_of(said[0]), said


def test_a_server_that_does_not_start():
    bad = stdio("exit-at-start", name="bad")
    none = {"name": "none", "type": "stdio", "command": ["/no/such"]}
    with agent(
        step(echo()), step(echo()), servers=[bad, none, stdio()]
    ) as one:
        assert one.turn() == "hello"
        told = dict(one.tool_words("error"))
        assert "cannot find my module" in told["mcp__bad"], told
        assert "exit 3" in told["mcp__bad"], told
        assert "mcp__none" in told, told
        tries = one.words().count("mcp__bad") + one.words().count(
            "server bad: does not work"
        )
        assert tries == 3, one.words()
        # the pause has not passed: nothing is tried, and nothing said
        before = len(one.tool_words("error"))
        assert one.turn() == "hello"
        assert len(one.tool_words("error")) == before, one.heard


def test_a_server_that_starts_the_second_time():
    said = answers(step(echo()), servers=[stdio("leave-once")])
    assert said == ["hello"], said


def test_calls_that_fail_open_the_breaker():
    said = answers(*[step("kill")] * 3, step(echo()), step(echo()))
    for text in said[:3]:
        assert "signal 9" in error_of(text), said
    for text in said[3:]:
        assert "not tried again for" in error_of(text), said


# --- walls


def test_environment():
    said = answers(
        step("environment"),
        servers=[stdio(env={"FROM_ENTRY": "1"})],
        env={"OPENAI_API_KEY": "sk-secret", "OTHER": "x"},
    )
    env = json.loads(said[0])
    assert "OPENAI_API_KEY" not in env, env
    assert "OTHER" not in env, env
    assert env["FROM_ENTRY"] == "1", env
    # what a server keeps at home is no part of an answer
    assert env["HOME"] == env["TMPDIR"], env
    said = answers(
        step("environment"), servers=[stdio(env={"HOME": "/home/x"})]
    )
    assert json.loads(said[0])["HOME"] == "/home/x", said


def where(**how):
    """What a server finds within its walls."""
    secret = pathlib.Path.cwd() / "secret"
    secret.write_text("secret")
    outside = pathlib.Path.cwd() / "outside"
    inside = pathlib.Path.cwd() / "workspace" / "inside"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        said = answers(
            step(
                call(
                    "mcp__f__where",
                    read=[str(secret)],
                    write=[str(outside), str(inside)],
                    connect=port,
                )
            ),
            **how,
        )
    found = json.loads(said[0])
    return {
        "cwd": found["cwd"],
        "read": found[str(secret)],
        # a private directory may be there under the same name
        "outside": outside.exists(),
        "inside": inside.exists(),
        "connect": found["connect"],
    }


def test_walls():
    if worker.level() == "off":
        raise harness.Skip("no sandbox here")
    found = where()
    assert found["cwd"] == str(pathlib.Path.cwd() / "workspace"), found
    assert found["read"] != "secret", found
    assert not found["outside"], found
    assert found["inside"], found
    assert found["connect"] != "connected", found


def test_network():
    lines = {"command_line": {"mode": "local", "network": "host"}}
    assert where(**lines)["connect"] == "connected"
    servers = [stdio(network="host")]
    assert where(servers=servers)["connect"] == "connected"
    if worker.level() == "off":
        raise harness.Skip("no sandbox here")
    servers = [stdio(network="none")]
    assert where(servers=servers, **lines)["connect"] != "connected"


# --- HTTP


def test_http():
    for words in ("ok", "json", "session", "linger", "session+json"):
        with Http(words) as server:
            said = answers(
                step(echo("hé")),
                step(call("mcp__f__add", a=1, b=2)),
                step("refuse"),
                step("fail"),
                servers=[at(server.url)],
            )
            assert said[:2] == ["hé", '{"sum":3}'], (words, said)
            assert "Unknown tool" in error_of(said[2]), said
            assert said[3] == "It went wrong.", said


def test_http_headers():
    with Http("session") as server:
        answers(
            step(echo()),
            servers=[
                at(
                    server.url,
                    headers={
                        "X-Own": "own",
                        "Accept": "text/html",
                        "Broken": "a\r\nX-Evil: 1",
                    },
                )
            ],
        )
        requests = server.requests()
    names = [one["http"] for one in requests]
    assert names == ["POST"] * 4 + ["DELETE"], names
    for number, request in enumerate(requests):
        headers = request["headers"]
        assert headers["x-own"] == "own", headers
        assert headers["accept"] == "application/json, text/event-stream"
        assert "x-evil" not in headers, headers
        assert "broken" not in headers, headers
        later = number > 0
        assert ("mcp-session-id" in headers) == later, (number, headers)
        if later:
            assert headers["mcp-protocol-version"] == "2025-11-25", headers


def test_http_modern():
    for words in ("modern", "modern+json", "modern+odd-names"):
        with Http(words) as server:
            name = "gr____e" if "odd" in words else "echo"
            said = answers(
                step(call(f"mcp__f__{name}", text="x")),
                servers=[at(server.url)],
            )
            assert said[0] in ("x", "You called größe."), (words, said)


def test_http_session_that_is_forgotten():
    with Http("expires-3") as server:
        said = answers(*[step(echo())] * 5, servers=[at(server.url)])
        assert said == ["hello"] * 5, said
        sessions = {
            one["headers"].get("mcp-session-id") for one in server.requests()
        }
        assert len(sessions) > 2, sessions


def test_http_redirects():
    with Http("redirect") as server:
        said = answers(step(echo()), servers=[at(server.url)])
        assert said == ["hello"], said


def test_http_redirect_to_another_host():
    with Http("elsewhere") as server:
        secret = {"Authorization": "Bearer mcp-token"}
        with agent(
            step(), servers=[at(server.url, headers=secret)]
        ) as one:
            one.turn()
            assert "points to another place" in one.words(), one.words()
            assert "mcp-token" not in one.words(), one.words()
        for request in server.requests():
            assert request["headers"]["host"].startswith("127."), request


def test_http_token():
    with Http("token") as server:
        with agent(step(), servers=[at(server.url)]) as one:
            one.turn()
            assert "HTTP status 401" in one.words(), one.words()
        said = answers(
            step(echo()),
            servers=[
                at(
                    server.url,
                    headers={"Authorization": "Bearer mcp-token"},
                )
            ],
        )
        assert said == ["hello"], said


def test_http_stream_taken_up_again():
    with Http("resume") as server:
        said = answers(
            step(echo()), step(echo("again")), servers=[at(server.url)]
        )
        assert said == ["hello", "again"], said
        gets = [one for one in server.requests() if one["http"] == "GET"]
        assert len(gets) == 2, gets
        for one in gets:
            assert one["headers"]["last-event-id"].startswith("e"), one


def test_http_server_that_asks():
    for words in ("ok", "session", "linger"):
        with Http(words) as server:
            servers = [at(server.url)]
            said = json.loads(answers(step("ask"), servers=servers)[0])
            assert said[0]["result"] == {}, said
            codes = [one["error"]["code"] for one in said[1:]]
            assert codes == [-32601] * 2, said


def test_http_failures():
    with Http("fails-1") as server:
        said = answers(step(echo()), step(echo()), servers=[at(server.url)])
        assert "HTTP status 500: out of order" in error_of(said[0]), said
        assert said[1] == "hello", said


def test_http_server_that_hangs():
    with Http() as server:
        said = answers(
            step("hang"), step("seen"), servers=[at(server.url, timeout=2)]
        )
        assert "no answer within" in error_of(said[0]), said
        methods = [one.get("method") for one in json.loads(said[1])]
        assert "notifications/cancelled" in methods, methods


def test_http_turn_that_is_cancelled():
    with Http() as server:
        with agent(
            step("hang"), step(echo()), servers=[at(server.url)]
        ) as one:
            one.begin()
            one.wait_for("tool")
            one.cancel()
            assert one.turn() == "hello"


def test_http_floods():
    with Http() as server:
        said = answers(
            step("flood"),
            step(call("mcp__f__big", bytes=1 << 20)),
            servers=[at(server.url, timeout=60)],
        )
        assert "too much" in error_of(said[0]), said
        assert said[1] == "y" * (1 << 20), len(said[1])


def test_http_nobody_there():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/mcp"
    with agent(
        step(echo()), servers=[at(url, name="gone"), stdio()]
    ) as one:
        assert one.turn() == "hello"
        told = [name for name, _ in one.tool_words("error")]
        assert told == ["mcp__gone"] * 3, one.words()


if __name__ == "__main__":
    harness.main()
