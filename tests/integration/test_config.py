#!/usr/bin/python3
"""Configurations: golden files, what ships, and the published schema."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import jsonschema  # noqa: E402
import loopback  # noqa: E402
import massgen  # noqa: E402
from harness import BUILD, ROOT  # noqa: E402

CHECK = BUILD / "tests" / "bin" / "config-check"
GOLDEN = ROOT / "tests" / "config"
CONFIGS = ROOT / "configs"
SCHEMA = CONFIGS / "schema" / "massgen.schema.json"
SECRET = "sesame-9f3a"


def told(*command, **popen):
    """What a program says, on either of its descriptors."""
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=20,
        text=True,
        check=False,
        **popen,
    )


def check(*args, cwd=GOLDEN, env=None):
    """What config-check says, in an environment with one secret."""
    secret = {"TEST_SECRET": SECRET, "MASSGEN_CONFIGS": str(CONFIGS)}
    return told(
        CHECK,
        *args,
        cwd=cwd,
        env=secret | (env or {}),
        stdin=subprocess.PIPE,
    )


def source_of(output):
    """The recorded form of a configuration, from config-check -s."""
    (line,) = [s for s in output.splitlines() if s.startswith("source=")]
    return json.loads(line.removeprefix("source="))


def golden():
    """Each golden configuration with the file that says what is expected."""
    for path in sorted(GOLDEN.iterdir()):
        if path.suffix not in (".yaml", ".json"):
            continue
        found = [
            path.with_suffix(suffix)
            for suffix in (".ok", ".err")
            if path.with_suffix(suffix).exists()
        ]
        assert len(found) == 1, f"{path.name} has {len(found)} expectations"
        yield path, found[0]


def test_golden_files():
    failures = []
    for path, expected in golden():
        result = check("-s", path.name)
        code = 0 if expected.suffix == ".ok" else 1
        if result.returncode != code or result.stdout != expected.read_text():
            failures.append(
                f"{path.name}: exit {result.returncode}, want {code}\n"
                f"{result.stdout}"
            )
    assert not failures, "\n".join(failures)


def test_no_message_and_no_record_holds_a_secret():
    for path, _ in golden():
        for line in check("-s", path.name).stdout.splitlines():
            if not line.startswith(("  params=", "  tools=")):
                assert SECRET not in line, f"{path.name}: {line}"
                assert "hunter2" not in line, f"{path.name}: {line}"


def shipped():
    """Every configuration below configs/."""
    found = sorted(set(CONFIGS.rglob("*.yaml")) - {CONFIGS / "prices.yaml"})
    assert len(found) >= 15, found
    return found


def test_everything_that_ships_is_valid():
    for path in shipped():
        result = check(path)
        assert result.returncode == 0, result.stdout


def test_everything_that_ships_can_be_run_dry():
    for path in shipped():
        result = check("-d", "-r", path)
        assert result.returncode == 0, result.stdout


def everybody_s_keys():
    """An environment in which no backend misses anything."""
    names = "GROQ DEEPSEEK CEREBRAS LOCAL OPENAI ANTHROPIC GEMINI XAI ZAI"
    names += " FIREWORKS MOONSHOT NEBIUS OPENROUTER POE QWEN TOGETHER"
    names += " AZURE_OPENAI"
    env = {f"{name}_API_KEY": "key" for name in names.split()}
    return env | {"AZURE_OPENAI_ENDPOINT": "https://azure.example"}


def test_nothing_that_ships_brings_a_warning():
    for path in shipped():
        result = check("-r", path, cwd=ROOT, env=everybody_s_keys())
        assert result.stdout == "Configuration is valid\n", result.stdout


def test_the_tools_of_examples():
    """What each of them is there to show reaches its worker."""
    for name, wanted in (
        ("tools/filesystem", ["files"]),
        ("tools/command_line", ["files", "command_line"]),
        ("tools/context_paths", ["files", "context"]),
        ("tools/mcp", ["mcp"]),
        ("tools/todo/example_task_todo", ["files", "planning"]),
        ("meta/massgen_runs_massgen", ["files", "command_line"]),
        (
            "meta/massgen_suggests_to_improve_massgen",
            ["files", "context", "command_line", "planning"],
        ),
    ):
        output = check("-s", CONFIGS / f"{name}.yaml", cwd=ROOT).stdout
        (tools, *_) = [
            json.loads(line.removeprefix("  tools="))
            for line in output.splitlines()
            if line.startswith("  tools=")
        ]
        found = [key for key in tools if key not in ("max_tasks", "plan_file")]
        assert found == wanted, (name, tools)


def test_examples_of_tools_do_what_they_show():
    """Dry runs, with real files and commands."""
    for name, winner, answer, files in (
        ("filesystem", "writer", "The page is owls.html.", ["owls.html"]),
        ("context_paths", "reader", "There is much to note.", []),
        ("command_line", "worker", "It is 42.", []),
        ("mcp", "keeper", "Answer of agent1: Q", []),
    ):
        result = massgen.run("--dry-run", "--config", f"@examples/{name}", "Q")
        if name == "command_line" and "sandbox is required" in result.stderr:
            continue
        assert result.code == 0, result
        final = result.log_dir / "final" / winner
        assert (final / "answer.txt").read_text() == answer, result
        found = [path.name for path in (final / "workspace").iterdir()]
        assert found == files, found


def test_the_case_study_s_configurations_are_there():
    for name, types in (
        ("meta/massgen_runs_massgen", ["openai"]),
        ("meta/massgen_suggests_to_improve_massgen", ["openai", "gemini"]),
        ("tools/todo/example_task_todo", ["gemini", "openai"]),
    ):
        source = source_of(check("-s", CONFIGS / f"{name}.yaml").stdout)
        backends = [agent["backend"] for agent in source["agents"]]
        assert [backend["type"] for backend in backends] == types, source
        assert {backend["model"] for backend in backends} <= {
            "gpt-5-mini",
            "gemini-2.5-pro",
        }


def test_the_schema_is_what_the_tables_say():
    made = subprocess.run(
        [BUILD / "tests" / "bin" / "config-schema"],
        stdout=subprocess.PIPE,
        timeout=20,
        check=True,
    ).stdout
    assert made == SCHEMA.read_bytes(), (
        "run tests/bin/config-schema > configs/schema/massgen.schema.json"
    )


def validator():
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_what_loads_fits_the_schema():
    paths = shipped() + [
        path for path, expected in golden() if expected.suffix == ".ok"
    ]
    for path in paths:
        errors = list(validator().iter_errors(
            source_of(check("-s", path).stdout)
        ))
        assert not errors, f"{path}: {errors[0].message}"


def test_the_schema_refuses_what_the_program_refuses():
    mock = {"type": "mock"}
    for wrong in (
        {},
        {"agents": []} | {"agent": {"id": "a", "backend": mock}},
        {"agent": {"id": "a"}},
        {"agent": {"id": "a", "backend": {"model": "m"}}},
        {"agent": {"id": "a", "backend": mock | {"temperatur": 1}}},
        {"agent": {"id": "a", "backend": mock | {"max_tokens": 0}}},
        {"agent": {"id": "a", "backend": mock | {"sandbox": True}}},
        {"agent": {"id": "a", "backend": mock | {"mcp_servers": 1}}},
        {
            "agent": {
                "id": "a",
                "backend": mock | {"mcp_servers": {"s": {"comand": "x"}}},
            }
        },
        {
            "agent": {"id": "a", "backend": mock},
            "orchestrator": {"context_paths": [{"permission": "read"}]},
        },
        {"agent": {"id": "a", "backend": mock}, "uii": {}},
        {
            "agent": {"id": "a", "backend": mock},
            "orchestrator": {"voting_sensitivity": "wild"},
        },
    ):
        assert list(validator().iter_errors(wrong)), wrong
        pathlib.Path("wrong.json").write_text(json.dumps(wrong))
        assert check("wrong.json", cwd=".").returncode == 1, wrong
    for right in (
        {"agent": {"id": "a", "backend": mock}, "x-anchor": 1},
        {"agent": {"id": "a", "backend": mock | {"sandbox": False}}},
    ):
        assert not list(validator().iter_errors(right)), right
        pathlib.Path("right.json").write_text(json.dumps(right))
        assert check("right.json", cwd=".").returncode == 0, right


def documented_keys():
    """Every key that the manual marks as one."""
    text = (ROOT / "man" / "massgen.yaml.5").read_text()
    marked = re.findall(r"^\..*?\bIc (.+)", text, re.M)
    return set(re.findall(r"\w+", " ".join(marked)))


def keys_of(schema):
    """All keys of a schema, at any depth, except x- ones."""
    places = [schema, *schema["$defs"].values()]
    return {key for place in places for key in place["properties"]}


def test_the_manual_names_every_key():
    missing = keys_of(json.loads(SCHEMA.read_text())) - documented_keys()
    assert not missing, sorted(missing)


def test_a_device_is_refused_at_once():
    os.mkfifo("fifo.yaml")
    for path in ("fifo.yaml", "/dev/zero", "/dev/stdin", "."):
        result = check(path, cwd=".")
        assert result.returncode == 1, result.stdout
        assert "not a regular file" in result.stdout, result.stdout


def test_json_output_has_the_shape_of_massgen_s():
    report = json.loads(check("-j", "10-unknown-keys.yaml").stdout)
    assert report["valid"] is False
    assert report["error_count"] == len(report["errors"]) == 10
    assert report["warning_count"] == len(report["warnings"]) == 0
    for problem in report["errors"]:
        assert {"message", "location", "suggestion"} <= problem.keys()
        assert problem["line"] > 0 and problem["column"] > 0


def validated(agent, *options, orchestrator=None, program=None, **popen):
    """What --validate says about one mock agent with these keys."""
    config = {
        "agents": [{"id": "a", "backend": {"type": "mock"} | agent}],
        "orchestrator": orchestrator or {},
    }
    pathlib.Path("c.yaml").write_text(json.dumps(config))
    program = program or BUILD / "massgen"
    return told(program, "--validate", "c.yaml", *options, **popen)


def massgen_beside(confine):
    """A massgen whose confine is a script."""
    pathlib.Path("bin").mkdir()
    shutil.copy(BUILD / "massgen", "bin/massgen")
    path = pathlib.Path("bin/confine")
    path.write_text(f"#!/bin/sh\n{confine}\n")
    path.chmod(0o755)
    return pathlib.Path("bin/massgen").resolve()


def test_validation_tells_the_sandbox():
    program = massgen_beside('test "$*" = "--probe --level auto" && echo bwrap')
    for agent, level in (
        ({"cwd": "w"}, "bwrap"),
        ({"cwd": "w", "sandbox": "required"}, "bwrap"),
        ({"cwd": "w", "sandbox": "off"}, "off"),
        ({}, None),
    ):
        result = validated(agent, program=program)
        assert result.returncode == 0, result.stdout
        lines = result.stdout.splitlines()
        if level is None:
            assert "Sandbox" not in result.stdout, result.stdout
        else:
            assert lines[-1] == f"Sandbox: {level}", result.stdout
        record = json.loads(validated(agent, "--json", program=program).stdout)
        assert record["valid"] is True and record["sandbox"] == level, record


def test_validation_tells_of_a_sandbox_that_does_not_work():
    program = massgen_beside("echo 'no namespaces, no Landlock' >&2; exit 77")
    result = validated({"cwd": "w"}, program=program)
    assert result.returncode == 0, result.stdout
    assert result.stdout.endswith("Sandbox: off\n"), result.stdout

    required = {"sandbox": "required"}
    for strict, code in (([], 0), (["--strict"], 1)):
        result = validated(
            {"cwd": "w"}, *strict, orchestrator=required, program=program
        )
        assert result.returncode == code, result.stdout
        assert "warning: agent a: a sandbox is required" in result.stdout
        assert "no namespaces, no Landlock" in result.stdout


def test_the_sandbox_that_works_here_is_told():
    probe = subprocess.run(
        [BUILD / "confine", "--probe"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=20,
        text=True,
        check=False,
    )
    level = probe.stdout.strip() if probe.returncode == 0 else "off"
    result = validated({"cwd": "w"})
    assert result.stdout.endswith(f"Sandbox: {level}\n"), result.stdout


# A worker that keeps what it is told and has nothing to say.
KEEPING_WORKER = """#!/usr/bin/python3
import json, os, sys
undumpable = bool(os.environ.get("TEST_UNDUMPABLE"))
print(json.dumps(
    {"type": "hello", "version": 1, "undumpable": undumpable}), flush=True)
with open("init.json", "w") as f:
    f.write(sys.stdin.readline())
print(json.dumps({"type": "error", "kind": "auth", "permanent": True,
                  "text": "sesame-9f3a was told"}), flush=True)
"""


def test_what_a_worker_is_told_about_tools():
    pathlib.Path("worker").write_text(KEEPING_WORKER)
    pathlib.Path("worker").chmod(0o755)
    pathlib.Path("docs").mkdir()
    backend = {
        "type": "mock",
        "cwd": "my/place",
        "sandbox": "off",
        "enable_mcp_command_line": True,
        "command_line_pass_env": ["TEST_TOKEN"],
        "context_paths": [{"path": "docs", "permission": "write"}],
        "mcp_servers": {
            "s": {
                "command": "server --root",
                "args": ["${cwd}/x"],
                "env": {"KEY": "${TEST_TOKEN}", "HERE": "${cwd}"},
            }
        },
    }
    for undumpable in ("", "1"):
        result = massgen.run(
            "Q",
            config=massgen.agents_config({"a": {"backend": backend}}),
            env={
                "MASSGEN_WORKER": str(pathlib.Path("worker").resolve()),
                "TEST_TOKEN": SECRET,
                "TEST_UNDUMPABLE": undumpable,
            },
        )
        assert result.code == 2, result
        tools = json.loads(pathlib.Path("init.json").read_text())["tools"]
        place = str((result.log_dir / "workspaces" / "place").resolve())
        assert tools["workspace"] == place, tools
        assert tools["level"] == "off", tools
        assert tools["context"] == [
            {"path": str(pathlib.Path("docs").resolve()), "write": True,
             "keep": []}
        ], tools
        assert tools["command_line"]["timeout"] == 60, tools
        if undumpable:
            assert tools["command_line"]["pass_env"] == {"TEST_TOKEN": SECRET}
            (server,) = tools["mcp"]
            assert server["command"] == ["server", "--root", f"{place}/x"]
            assert server["env"] == {"KEY": SECRET, "HERE": place}, server
        else:
            assert SECRET not in json.dumps(tools), tools
            assert "mcp" not in tools and "command_line" in tools, tools
        for path in result.log_dir.rglob("*"):
            if path.is_file():
                assert SECRET.encode() not in path.read_bytes(), path


FAKE_MCP = ROOT / "tests" / "bin" / "fake-mcp"


def echoing(server, **more):
    """A scripted agent that calls one tool of one server."""
    call = {"name": "mcp__s__echo", "arguments": {"text": "hello"}}
    steps = [{"tools": [call], "answer": "{{result}}"}]
    return massgen.mock(*steps) | {
        "backend": {
            "type": "mock", "script": steps, "mcp_servers": {"s": server}
        } | more
    }


def test_servers_of_a_configuration_are_asked():
    with loopback.Program(FAKE_MCP, "--http", "token") as fake:
        remote = {
            "url": fake.at("/mcp"),
            "headers": {"Authorization": "Bearer ${TEST_TOKEN}"},
            "security": {"allow_localhost": True},
        }
        beside = {
            "command": ["python3", str(FAKE_MCP)],
            "args": ["${TEST_WORDS}"],
            "cwd": "${cwd}",
            "network": "none",
        }
        paths = [{"path": str(FAKE_MCP)}]
        for agent, wanted in (
            (echoing(remote), "hello"),
            (echoing(beside, context_paths=paths), "hello"),
            (echoing(remote, exclude_tools=["mcp__s__echo"]), "no such tool"),
            (echoing(remote | {"allowed_tools": ["seen"]}), "no such tool"),
            (echoing(remote, allowed_tools=["echo"]), "hello"),
        ):
            result = massgen.run(
                "--dry-run",
                "Q",
                config=massgen.agents_config({"a": agent}),
                env={"TEST_TOKEN": "mcp-token", "TEST_WORDS": "ok"},
            )
            assert result.code == 0, result
            assert wanted in result.answer.decode(), (agent, result.answer)
            for path in result.log_dir.rglob("*"):
                if path.is_file():
                    assert b"mcp-token" not in path.read_bytes(), path


def test_a_run_ends_early_where_a_path_is_missing():
    config = massgen.agents_config({"a": massgen.mock({"answer": "A"})})
    config["orchestrator"] = {"context_paths": [{"path": "missing"}]}
    path = massgen.write_config(config)
    result = massgen.plain("--config", path, "--no-display", "Q")
    assert result.code == 1, result
    assert f"{path}:" in result.stderr, result
    assert "context path cannot be used: missing" in result.stderr, result
    result = massgen.plain("--config", path, "--dry-run", "--no-display", "Q")
    assert result.code == 0, result


if __name__ == "__main__":
    harness.main()
