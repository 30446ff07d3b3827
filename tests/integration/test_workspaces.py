#!/usr/bin/python3
"""The files of agents that act: workspaces, snapshots, what is delivered."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import mounts  # noqa: E402
from massgen import (  # noqa: E402
    MASSGEN,
    agents_config,
    assert_clean,
    assert_manifest,
    assert_replays,
    environment,
    mock,
    plain,
    run,
    start,
    write_config,
)
from worker import Worker, call, level, tools  # noqa: E402

# A worker of three lines a turn, which does to its snapshots what it likes.
WORKER = """#!/usr/bin/python3
import json, os, sys

def say(kind, **members):
    print(json.dumps({"type": kind} | members), flush=True)

say("hello", version=1, undumpable=True)
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "init":
        snapshots = m["tools"]["snapshots"]
    if m["type"] == "turn" and m["kind"] == "answer":
        number = m["turn"]
        exec(open("act.py").read())
    elif m["type"] == "turn":
        say("answer", turn=m["turn"], text="presented")
"""


def shell(command):
    """A call of the command line."""
    return call("execute_command", command=command)


def acting(*steps, sandbox="auto", **backend):
    """A scripted agent that may run commands."""
    return {
        "backend": {
            "type": "mock",
            "enable_mcp_command_line": True,
            "sandbox": sandbox,
            "script": list(steps),
        }
        | backend
    }


def answer(text, *commands, **step):
    """A step that runs commands and then answers."""
    return {"answer": text, "tools": [shell(c) for c in commands]} | step


def vote(agent, *commands, **step):
    """A step that runs commands and then votes."""
    return {"vote": agent, "tools": [shell(c) for c in commands]} | step


def in_walls():
    """Skip where nothing can hold a command."""
    if level() == "off":
        raise harness.Skip("no sandbox works here")


def files_of(directory):
    """The text of each file below a directory, by its path."""
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def own_worker(act):
    """A worker that does in each turn what act says."""
    pathlib.Path("act.py").write_text(act)
    path = pathlib.Path("worker").absolute()
    path.write_text(WORKER)
    path.chmod(0o755)
    return path


def test_each_file_has_its_place():
    config = agents_config({
        "a": acting(answer("done", "mkdir d; echo one >d/f; ln -s d/f l"),
                    vote("a")),
        "b": acting(answer("none", delay_ms=50), vote("a")),
    })
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    log = result.log_dir
    wanted = {"d/f": "one\n"}
    assert files_of(log / "workspaces/a") == wanted
    assert names_in(log / "workspaces") == ["a", "b"]
    assert files_of(log / "snapshots/agent1.1") == wanted
    assert names_in(log / "snapshots") == ["agent1.1", "agent2.1"]
    assert files_of(log / "final/a/workspace") == wanted
    assert os.readlink(log / "final/a/workspace/l") == "d/f"
    assert not (log / "final/a/workspace").is_symlink()
    assert not (log / "tmp").exists()
    said = [e for e in result.events if e["type"] == "answer"]
    assert [e["snapshot"] for e in said] == [
        "snapshots/agent1.1", "snapshots/agent2.1"]
    for event in said:
        step = (log / event["path"]).parent
        link = os.readlink(step / "workspace")
        assert not os.path.isabs(link), link
        assert (step / "workspace").resolve() == (
            log / event["snapshot"]).resolve()
    mapping = result.json("snapshot_mappings.json")
    assert mapping["agent1.1"]["workspace"] == "snapshots/agent1.1"
    listed = assert_manifest(result)
    assert "snapshots/agent1.1/d/f" in listed, listed
    assert "final/a/workspace/d/f" in listed, listed
    assert os.path.samefile(log / "final_output/a/workspace",
                            log / "snapshots/agent1.1")
    for agent in result.status["agents"].values():
        assert agent["sandbox"] == level(), agent


def test_without_tools_there_is_nothing_of_this():
    result = run("--dry-run", "Q",
                 config=agents_config({"a": mock(), "b": mock()}))
    assert result.code == 0, result
    for name in ("workspaces", "snapshots", "tmp", "children"):
        assert not (result.log_dir / name).exists(), name
    for agent in result.status["agents"].values():
        assert agent["sandbox"] is None, agent
    assert not any("snapshot" in event for event in result.events)
    assert result.manifest["final_files"] == []


def test_a_folder_is_called_as_configured():
    config = agents_config({
        "a": acting(answer("x", "pwd >where"), vote("a"), cwd="some/place"),
    })
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    place = result.log_dir / "workspaces/place"
    assert (place / "where").read_text() == f"{place.resolve()}\n", result
    assert not pathlib.Path("some").exists()


def two_answers(**more):
    """The first agent answers twice, since the second one answers between."""
    return agents_config({
        "a": acting(answer("first", "echo one >f; echo same >same"),
                    answer("second", "echo two >f; echo new >new",
                           delay_ms=100),
                    vote("a", "echo scratch >f; rm same; echo s >s"), **more),
        "b": acting(answer("other", delay_ms=50), vote("a", delay_ms=100),
                    vote("a")),
    })


def test_a_later_answer_leaves_the_earlier_one_as_it_was():
    result = run("--dry-run", "Q", config=two_answers())
    assert result.code == 0, result
    log = result.log_dir
    first, second = (log / "snapshots" / f"agent1.{n}" for n in (1, 2))
    assert files_of(first) == {"f": "one\n", "same": "same\n"}
    assert files_of(second) == {
        "f": "two\n", "same": "same\n", "new": "new\n"}
    # what did not change is there only once
    assert os.path.samefile(first / "same", second / "same")
    assert not os.path.samefile(first / "f", second / "f")
    # what an agent or a user may change is nobody else's
    final = log / "final/a/workspace"
    assert not os.path.samefile(final / "same", second / "same")
    assert not os.path.samefile(log / "workspaces/a/same", second / "same")


def test_the_presenter_goes_on_from_the_answer_that_won():
    config = two_answers()
    config["agents"][0]["backend"]["script"].append({
        "present": "{{stdout}}",
        "tools": [shell("cat f same new; ls; echo more >more")],
    })
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    text = "two\nsame\nnew\nf\nnew\nsame"
    assert result.answer.decode().strip() == text, result
    assert files_of(result.log_dir / "final/a/workspace") == {
        "f": "two\n", "same": "same\n", "new": "new\n", "more": "more\n"}
    assert "more" not in names_in(result.log_dir / "snapshots/agent1.2")


def test_a_presenter_that_dies_leaves_the_files_that_won():
    config = two_answers()
    config["agents"][0]["backend"]["script"].append({
        "present": "", "tools": [shell("echo spoilt >f")], "fault": "crash"})
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    assert result.answer == b"second", result
    assert files_of(result.log_dir / "final/a/workspace") == {
        "f": "two\n", "same": "same\n", "new": "new\n"}
    assert not os.path.samefile(
        result.log_dir / "final/a/workspace/f",
        result.log_dir / "snapshots/agent1.2/f")


def test_an_interrupted_run_delivers_what_there_is():
    config = agents_config({
        "a": acting(answer("there", "echo one >f"),
                    vote("a", "echo x >g; echo two >f; sleep 60")),
        "b": mock({"fault": "hang"}),
    })
    running = start("Q", config=config)
    place = running.log_dir / "workspaces/a/f"
    harness.wait_until(
        lambda: place.exists() and place.read_text() == "two\n",
        "the command of the turn after the answer")
    running.signal(signal.SIGINT)
    result = running.wait()
    assert_clean(result)
    assert result.code == 4, result
    assert result.answer == b"there", result
    assert files_of(result.log_dir / "final/a/workspace") == {"f": "one\n"}
    assert not (result.log_dir / "tmp").exists()


def test_a_direct_answer_comes_with_its_files():
    config = agents_config(
        {"a": acting(answer("x", "echo one >f"))},
        orchestrator={"skip_coordination_rounds": True},
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    assert files_of(result.log_dir / "final/a/workspace") == {"f": "one\n"}


def test_another_attempt_keeps_the_files_of_the_first():
    config = agents_config(
        {
            "a": acting(
                answer("one", "echo 1 >f"), vote("a"),
                {"present": "first", "tools": [shell("echo p1 >p")],
                 "restart": "bad", "instructions": "better"},
                answer("two", "echo 2 >f"), vote("a"),
                {"present": "second", "tools": [shell("echo p2 >p")]},
            ),
        },
        orchestrator={"coordination": {"max_orchestration_restarts": 1}},
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    if not (result.log_dir / "attempt_1").exists():
        raise harness.Skip("one agent has one attempt")
    assert files_of(result.log_dir / "attempt_1/final/a/workspace") == {
        "f": "1\n", "p": "p1\n"}
    assert files_of(result.log_dir / "final/a/workspace") == {
        "f": "2\n", "p": "p2\n"}


def test_a_refused_answer_leaves_no_files():
    config = agents_config({
        "a": acting(answer("the same", "echo a >f"), vote("a")),
        "b": acting(answer("the same", "echo b >f", delay_ms=50),
                    vote("a")),
    })
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    assert any(e["type"] == "refused" for e in result.events), result
    assert names_in(result.log_dir / "snapshots") == ["agent1.1"]
    assert not any("workspace" in d
                   for d, _, _ in os.walk(result.log_dir / "b"))


def test_what_a_dead_worker_left_is_removed():
    worker = own_worker("""
os.makedirs(snapshots + "/.agent1-1/deep")
open(snapshots + "/.agent1-1/deep/f", "w").write("half")
os.chmod(snapshots + "/.agent1-1/deep", 0)
os._exit(70)
""")
    result = run("--dry-run", "Q", worker=worker,
                 config=agents_config({"a": acting(), "b": acting()}))
    assert result.code == 2, result
    assert names_in(result.log_dir / "snapshots") == [], result


def test_a_snapshot_is_only_what_its_worker_may_name():
    worker = own_worker("""
names = [".agent2-1", "../final", ".agent1-1/../../x", "agent1.1", ".agent1-",
         ".agent1-1x", "", ".", "..", "/etc", ".agent1-7", ".agent1-8",
         ".agent11-1"]
for name in (".agent2-1", ".agent11-1", "agent1.1"):
    os.makedirs(snapshots + "/" + name, exist_ok=True)
os.path.lexists(snapshots + "/.agent1-8") or os.symlink(
    "/etc", snapshots + "/.agent1-8")
name = names[min(len([n for n in m["answers"]]) + m["seen"], len(names) - 1)]
asked = open("asked", "a+"); asked.seek(0); at = len(asked.read())
if at < len(names):
    asked.write("x"); asked.flush()
    say("answer", turn=number, text="answer %d" % at, snapshot=names[at])
else:
    say("vote", turn=number, agent="agent1", seen=m["seen"])
""")
    config = agents_config({"a": acting()})
    config["orchestrator"] = {"skip_coordination_rounds": False}
    result = run("--dry-run", "Q", worker=worker, config=config)
    said = [e for e in result.events if e["type"] == "answer"]
    assert said, result
    assert not any("snapshot" in e for e in said), said
    warned = [e["text"] for e in result.events if e["type"] == "warning"]
    assert len(warned) >= len(said), result
    assert names_in(result.log_dir / "snapshots") == ["agent1.1"], result


def in_turn(worker, **members):
    """Let the worker act, and say what becomes of it."""
    worker.begin()
    said = worker.wait_for("answer", "vote")
    here = names_in(pathlib.Path("snapshots"))
    worker.send(type="verdict", turn=worker.number, final=True, **members)
    return said, here


def test_a_copy_is_made_for_an_answer_and_for_nothing_else():
    write = call("execute_command", command="echo x >>f")
    steps = [
        {"answer": "one", "tools": [write]},
        {"vote": "agent1", "tools": [write]},
        {"answer": "two", "tools": [write]},
        {"answer": "three"},
        {"vote": "agent1"},
    ]
    os.mkdir("snapshots")
    os.makedirs("snapshots/.agent1-1/left/over")
    given = tools(snapshots=os.path.abspath("snapshots"), command_line={})
    with Worker(*steps, tools=given) as worker:
        said, here = in_turn(worker, accepted=True)
        assert said["snapshot"] == ".agent1-1", said
        assert here == [".agent1-1"], here
        assert files_of(pathlib.Path("snapshots/.agent1-1")) == {"f": "x\n"}
        os.rename("snapshots/.agent1-1", "snapshots/agent1.1")
        said, here = in_turn(worker, accepted=True)
        assert "snapshot" not in said, said
        assert here == ["agent1.1"], here
        said, here = in_turn(worker, accepted=False, text="no")
        assert here == [".agent1-2", "agent1.1"], here
        # the next act is in the same turn: what was refused is gone
        worker.wait_for("ready")
        worker.send(type="go", turn=worker.number)
        said = worker.wait_for("answer")
        assert said["text"] == "three", said
        here = names_in(pathlib.Path("snapshots"))
        assert here == [said["snapshot"], "agent1.1"], here
        copy = pathlib.Path("snapshots", said["snapshot"])
        assert files_of(copy) == {"f": "x\nx\nx\n"}
        worker.cancel()


def test_others_read_the_files_and_cannot_write_them():
    in_walls()
    attack = (
        "cd ../../snapshots/agent1.1 && cat f;"
        "echo x >f; echo x >new; rm -f f; mv f g; chmod 777 f; ln f h;"
        "truncate -s 0 f; touch -d @0 f; ls ../../workspaces/a"
    )
    config = agents_config({
        "a": acting(answer("x", "echo one >f; chmod 666 f"),
                    vote("b", delay_ms=100)),
        "b": acting(answer("{{stdout}}", attack, delay_ms=50),
                    vote("b", "cat ../../snapshots/agent2.1/none")),
    })
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    assert result.answer.decode().strip() == "one", result
    snapshot = result.log_dir / "snapshots/agent1.1"
    assert files_of(snapshot) == {"f": "one\n"}
    if level() == "bwrap":  # the other leaves this open
        assert (snapshot / "f").stat().st_mtime > 0
        assert (snapshot / "f").stat().st_mode & 0o777 == 0o666


def test_others_are_not_told_whose_the_files_are():
    text = "see {{stdout}}/f, {{stdout}}2/f and {{stdout}}."
    config = agents_config({
        "secretname": acting(answer(text, "echo one >f; pwd"),
                             vote("secretname")),
    })
    with llm.Server() as server:
        config["agents"].append(
            {"id": "model"} | llm.agent(server, "vote-only"))
        result = run("Q", config=config, env={"GROQ_API_KEY": llm.KEY})
        asked = json.dumps([r["body"] for r in server.requests()])
    assert result.code == 0, result
    files = result.log_dir.resolve() / "snapshots/agent1.1"
    workspace = result.log_dir.resolve() / "workspaces/secretname"
    assert f"see {files}/f, {workspace}2/f and {files}." in asked, asked
    assert f"(Files of agent1's answer, read-only: {files})" in asked, asked
    assert asked.count("secretname") == asked.count("secretname2"), asked


def test_an_agent_reads_its_own_answer_as_it_gave_it():
    config = agents_config({
        "a": acting(answer("see {{stdout}}/f", "echo one >f; pwd"),
                    vote("a")),
    })
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    place = result.log_dir.resolve() / "workspaces/a"
    assert result.answer.decode() == f"see {place}/f", result


def test_two_runs_in_one_place_share_nothing():
    config = write_config(agents_config({
        "a": acting(answer("{{stdout}}", "echo $$ >f; ls; cat f"),
                    vote("a"), cwd="same"),
    }))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(
            lambda _: plain("--automation", "--dry-run", "--config", config,
                            "Q"), range(4)))
    assert len({end.log_dir for end in ends}) == 4
    for end in ends:
        assert end.code == 0, end
        text = (end.log_dir / "snapshots/agent1.1/f").read_text()
        assert end.answer.decode().split() == ["f", text.strip()], end


def test_the_journal_says_it_all():
    result = run("--dry-run", "Q", config=two_answers())
    assert result.code == 0, result
    assert_replays(result.log_dir)


def test_symlinks_out_of_the_workspace_stay_behind():
    config = agents_config({
        "a": acting(answer("x", "ln -s /etc/passwd abs; ln -s ../../.. up;"
                           "echo x >f; ln -s f in; mkdir d; ln -s ../f d/in;"
                           "mkfifo p; mkdir .massgen; echo x >.massgen/log"),
                    vote("a")),
    })
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    snapshot = result.log_dir / "snapshots/agent1.1"
    assert names_in(snapshot) == ["d", "f", "in"], result
    assert names_in(snapshot / "d") == ["in"], result
    log = (result.log_dir / "massgen.log").read_text()
    for name in ("abs: a symlink that leads outside",
                 "up: a symlink that leads outside",
                 "p: neither a file nor a directory"):
        assert name in log, log
    # nested runs' logs are nobody's files, and survive the presentation
    kept = result.log_dir / "workspaces/a/.massgen/log"
    assert kept.exists(), result


def dig_up(directory, levels):
    """The names at the bottom of a tree that is one directory wide."""
    here = os.open(directory, os.O_RDONLY)
    for _ in range(levels):
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    names = os.listdir(here)
    os.close(here)
    return names


@harness.limit(120)
def test_a_tree_may_be_deep():
    dig = ("python3 -c 'import os\nfor _ in range(2100): os.mkdir(\"d\");"
           " os.chdir(\"d\")\nopen(\"bottom\", \"w\").write(\"x\")'")
    config = write_config(agents_config({
        "a": acting(answer("x", dig), answer("y", "echo x >f"), vote("a")),
        "b": mock({"vote": "a"}),
    }))
    result = plain("--automation", "--dry-run", "--config", config, "Q")
    try:
        assert result.code == 0, result
        assert result.manifest["final_files_left_out"] == 1
        assert dig_up(result.log_dir / "final/a/workspace", 2100) == [
            "bottom"]
    finally:
        # what comes after us recurses
        subprocess.run(["rm", "-rf", result.log_dir], check=True)


def test_write_context_is_the_presenters_and_only_then():
    in_walls()
    for name in ("seen", "kept/inner"):
        os.makedirs(f"context/{name}")
    pathlib.Path("context/f").write_text("theirs\n")
    here = os.path.abspath("context")
    try_it = f"cat {here}/f; echo x >{here}/f; echo x >{here}/seen/new"
    config = agents_config(
        {
            "a": acting(
                answer("{{stdout}}", try_it), vote("a", try_it),
                {"present": "{{stdout}}",
                 "tools": [shell(f"cat {here}/f; {try_it}; echo x "
                                 f">{here}/kept/x")]},
            ),
            "b": acting(vote("a", try_it)),
        },
        orchestrator={
            "context_paths": [{"path": here, "permission": "write",
                               "protected_paths": ["kept"]}],
        },
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    assert result.answer.decode().split() == ["theirs", "theirs"], result
    assert pathlib.Path("context/f").read_text() == "x\n"
    assert pathlib.Path("context/seen/new").read_text() == "x\n"
    assert names_in(pathlib.Path("context/kept")) == ["inner"]


def test_a_full_disk_costs_files_and_no_answer():
    mounts.private()
    mounts.tmpfs("disk", "2m")
    config = agents_config({
        "a": acting(answer("kept", "head -c 1200000 /dev/zero >big"),
                    vote("a")),
        "b": mock({"vote": "a"}),
    })
    result = run("--dry-run", "--log-root", "disk/logs", "Q", config=config,
                 full=True, env={"TMPDIR": os.getcwd()})
    assert result.code == 0, result
    assert result.answer == b"kept", result
    warned = [e["text"] for e in result.events if e["type"] == "warning"]
    assert any("files of a" in w and "space" in w for w in warned), result
    assert names_in(result.log_dir / "snapshots") == [], result


def test_no_run_below_a_required_sandbox():
    alone = pathlib.Path("alone")
    alone.mkdir()
    for name in ("massgen", "agent-worker"):
        shutil.copy(harness.BUILD / name, alone / name)
    for sandbox, code in (("required", 1), ("auto", 0)):
        config = write_config(agents_config(
            {"a": acting({"answer": "x"}, sandbox=sandbox)}))
        done = subprocess.run(
            [alone / MASSGEN.name, "--automation", "--dry-run", "--config",
             config, "Q"],
            env=environment(), capture_output=True, text=True, timeout=30)
        assert done.returncode == code, done
        first = done.stdout.splitlines()[0].removeprefix("LOG_DIR: ")
        status = json.loads(pathlib.Path(first, "status.json").read_text())
        if code == 1:
            assert "Error: agent a: a sandbox is required" in done.stdout
            assert status["meta"]["outcome"] == "config_error", status
        else:
            assert "no sandbox works here" in done.stderr, done
            assert status["agents"]["a"]["sandbox"] == "off", status


if __name__ == "__main__":
    harness.main()
