#!/usr/bin/python3
"""File and task-plan tools, called by a model in whole runs."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
from massgen import agents_config, run, write_config  # noqa: E402
from worker import level  # noqa: E402

CONFINE = harness.BUILD / "confine"

PLAN = {
    "tasks": [
        {"id": "read", "description": "Read"},
        {"id": "write", "description": "Write", "depends_on": ["read"]},
    ]
}


def question(calls, present=()):
    """What makes the model call these tools, and those when it presents."""
    lines = ["Do this."]
    for word, wanted in (("CALL", calls), ("PRESENT", present)):
        lines += [f"{word} {name} {json.dumps(a)}" for name, a in wanted]
    return "\n".join(lines)


def results(server, calls, present):
    """What a model was told of its calls, and of those as the presenter."""
    told = []
    for request in server.requests():
        messages = request["body"]["messages"]
        told.append([m["content"] for m in messages if m["role"] == "tool"])
    first = next(t for t in told if len(t) == len(calls))
    last = next(t for t in reversed(told) if len(t) == len(present))
    return first, last


def offered(server):
    """The names of the tools in the first request."""
    body = server.requests()[0]["body"]
    return {tool["function"]["name"] for tool in body["tools"]}


def project():
    """A user's directory, with what is nobody's beside it."""
    for path, text in {
        "project/main.c": "int main(void) { return 1; }\n",
        "project/.git/config": "[core]\n",
        "project/tests/t.c": "kept\n",
        "secret": "nobody's business\n",
    }.items():
        target = pathlib.Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return pathlib.Path("project").resolve()


def go(server, asked, backend=None, cwd=None, **orchestrator):
    """A run of two models that do the same."""
    config = agents_config(
        {
            name: llm.agent(server, "calls", cwd=name, **(backend or {}))
            for name in ("left", "right")
        },
        orchestrator=orchestrator,
    )
    result = run(
        asked,
        config=pathlib.Path(write_config(config)).resolve(),
        env={"GROQ_API_KEY": llm.KEY},
        cwd=cwd,
    )
    assert result.code == 0, result
    return result


def final_file(result, name):
    """A delivered file's text."""
    return (result.log_dir / "final" / result.winner / "workspace" / name).read_text()


@harness.limit(60)
def test_a_model_works_on_files():
    base = project()
    calls = [
        ("list_allowed_directories", {}),
        ("read_text_file", {"path": f"{base}/main.c"}),
        ("copy_file", {"source_path": f"{base}/main.c",
                       "destination_path": "src/main.c"}),
        ("edit_file", {"path": "src/main.c", "edits": [
            {"oldText": "return 1", "newText": "return 0"}]}),
        ("search_text", {"pattern": "return [0-9]"}),
        ("compare_files", {"file1": f"{base}/main.c",
                           "file2": "src/main.c"}),
        ("write_file", {"path": f"{base}/main.c", "content": "early"}),
        ("read_text_file", {"path": str(base.parent / "secret")}),
        ("no_such_tool", {}),
    ]
    present = [
        ("read_text_file", {"path": "src/main.c"}),
        ("write_file", {"path": f"{base}/main.c", "content": "late\n"}),
        ("write_file", {"path": f"{base}/.git/config", "content": "x"}),
        ("write_file", {"path": f"{base}/tests/t.c", "content": "x"}),
    ]
    with llm.Server() as server:
        result = go(
            server,
            question(calls, present),
            context_paths=[
                {
                    "path": str(base),
                    "permission": "write",
                    "protected_paths": ["tests"],
                }
            ],
        )
        names = offered(server)
        first, last = results(server, calls, present)
    assert {"read_text_file", "delete_files_batch"} <= names, names
    assert "create_task_plan" not in names, names
    page = (harness.ROOT / "man/agent-worker.8").read_text()
    missing = {name for name in names if name not in page}
    assert not missing, missing
    walls, read, copied, edited, found, compared, early, away, none = first
    assert f"{base} (read-only before the presentation)" in walls, walls
    assert read == (base / "main.c").read_text().replace(
        "late\n", "int main(void) { return 1; }\n"
    ), read
    assert json.loads(copied)["details"]["type"] == "file", copied
    assert "-int main(void) { return 1; }\n+int main(void)" in edited, edited
    assert found == "src/main.c:1: int main(void) { return 0; }", found
    stats = json.loads(compared)["details"]["stats"]
    assert stats == {"added": 1, "removed": 1, "changed": 1}, compared
    assert "read-only before the final presentation" in early, early
    assert "outside of the allowed directories" in away, away
    assert "no such tool" in none.lower(), none
    again, late, git, kept = last
    assert again == "int main(void) { return 0; }\n", again
    assert late.startswith("Successfully wrote to "), late
    assert "protected" in git and "protected" in kept, (git, kept)
    assert final_file(result, "src/main.c") == again
    assert (base / "main.c").read_text() == "late\n"
    assert (base / ".git/config").read_text() == "[core]\n"
    assert (base / "tests/t.c").read_text() == "kept\n"


@harness.limit(60)
def test_the_presenters_commands_have_the_same_walls():
    if level() == "off":
        raise harness.Skip("nothing here can hold a command")
    base = project()
    (base / "sub").mkdir()
    (base / "sub/.env").write_text("KEY=1\n")
    command = (
        f"cd {base}; echo x >main.c; echo x >.git/config; echo x >sub/.env; "
        f"echo x >tests/t.c; rm -rf .git; cat ../secret; true"
    )
    present = [("execute_command", {"command": command})]
    with llm.Server() as server:
        go(
            server,
            question([], present),
            backend={"enable_mcp_command_line": True},
            context_paths=[
                {
                    "path": str(base),
                    "permission": "write",
                    "protected_paths": ["tests"],
                }
            ],
        )
        last = server.requests()[-1]["body"]["messages"]
    told = json.loads(last[-1]["content"])
    assert told["exit_code"] == 0, told
    assert "nobody's" not in told["stdout"], told
    assert (base / "main.c").read_text() == "x\n", told
    assert (base / ".git/config").read_text() == "[core]\n", told
    assert (base / "sub/.env").read_text() == "KEY=1\n", told
    assert (base / "tests/t.c").read_text() == "kept\n", told


@harness.limit(60)
def test_a_run_below_what_its_presenter_writes():
    """The usual place of a run is .massgen in the directory it works on."""
    if level() == "off":
        raise harness.Skip("nothing here can hold a command")
    base = project()
    command = (
        f"echo x >mine; cd {base}; echo x >main.c; echo x >tests/t.c; "
        f"echo x >.git/config; echo x >.massgen/stray; cat .massgen/stray"
    )
    present = [
        ("execute_command", {"command": command}),
        ("write_file", {"path": "own", "content": "x\n"}),
        ("write_file", {"path": f"{base}/.massgen/stray", "content": "x"}),
        ("write_file", {"path": f"{base}/tests/t.c", "content": "x"}),
    ]
    with llm.Server() as server:
        result = go(
            server,
            question([], present),
            backend={"enable_mcp_command_line": True},
            cwd=base,
            context_paths=[
                {"path": str(base), "permission": "write"},
                {"path": str(base / "tests"), "permission": "read"},
            ],
        )
        told = results(server, [], present)[1]
    assert result.log_dir.is_relative_to(base), result
    assert final_file(result, "mine") == "x\n", told
    assert final_file(result, "own") == "x\n", told
    assert (base / "main.c").read_text() == "x\n", told
    assert (base / "tests/t.c").read_text() == "kept\n", told
    assert (base / ".git/config").read_text() == "[core]\n", told
    assert not (base / ".massgen/stray").exists(), told
    assert "protected" in told[2] and "read-only" in told[3], told


@harness.limit(60)
def test_what_is_written_inside_of_what_is_kept():
    """The nearest path that the sandbox was told of counts."""
    place = pathlib.Path("place").resolve()
    kept, inner = place / "kept", place / "kept/a/inner"
    (inner / "deep/kept").mkdir(parents=True)
    # at one level, nothing new can be made on the way to what is kept
    there = {
        place: True,
        kept: False,
        kept / "a": False,
        inner: True,
        inner / "deep": True,
        inner / "deep/kept": False,
    }
    words = [("--keep", inner / "deep/kept"), ("--write", inner),
             ("--keep", kept), ("--write", place)]
    for name in ("bwrap", "landlock"):
        probe = subprocess.run(
            [CONFINE, "--probe", "--level", name], capture_output=True
        )
        if probe.returncode != 0:
            continue
        for order in (words, words[::-1]):
            for directory, writable in there.items():
                file = directory / "file"
                file.write_text("")
                done = subprocess.run(
                    [CONFINE, "--level", name]
                    + [str(word) for pair in order for word in pair]
                    + ["--", "sh", "-c", f"echo x >{file}"],
                    capture_output=True,
                    text=True,
                )
                wrote = file.read_text() == "x\n"
                assert wrote == writable, (name, directory, done)


@harness.limit(60)
def test_a_model_plans():
    calls = [
        ("create_task_plan", PLAN),
        ("update_task_status", {"task_id": "read", "status": "completed"}),
        ("create_task_plan", {"tasks": [{"description": ""}]}),
        ("get_task_plan", {}),
    ]
    present = [("get_ready_tasks", {})]
    with llm.Server() as server:
        result = go(
            server,
            question(calls, present),
            coordination={
                "enable_agent_task_planning": True,
                "task_planning_filesystem_mode": True,
            },
        )
        first, last = results(server, calls, present)
    made, done, refused, plan = (json.loads(text) for text in first)
    assert made["summary"] == {
        "total_tasks": 2,
        "ready_tasks": 1,
        "blocked_tasks": 1,
    }, made
    assert [t["id"] for t in done["newly_ready_tasks"]] == ["write"], done
    assert refused["success"] is False, refused
    assert plan["summary"]["completed_tasks"] == 1, plan
    # the plan lives on from one turn to the next
    assert [t["id"] for t in json.loads(last[0])["ready_tasks"]] == ["write"]
    stored = json.loads(final_file(result, "tasks/plan.json"))
    assert [t["status"] for t in stored["tasks"]] == ["completed", "pending"]


if __name__ == "__main__":
    harness.main()
