#!/usr/bin/python3
"""The command line of an agent: what comes back, and within which limits."""

import itertools
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
import shells  # noqa: E402
import worker  # noqa: E402
from harness import Skip, wait_until  # noqa: E402
from massgen import agents_config  # noqa: E402
from shells import Shells, commander, execute  # noqa: E402

KEYS = {
    "success",
    "exit_code",
    "stdout",
    "stderr",
    "execution_time",
    "command",
    "work_dir",
}
CANARY = "canary-5e0f7d21c9"

def refused(result, *words):
    """The command was not run, and stderr says why."""
    assert result["success"] is False, result
    assert result["exit_code"] == -1, result
    assert result["stdout"] == "", result
    assert result["execution_time"] == 0, result
    assert set(result) == KEYS, result
    for word in words:
        assert word in result["stderr"], result


# --- what comes back ---


def test_a_result():
    result = execute("echo out; echo err >&2; pwd >&2; exit 3")
    assert set(result) == KEYS, result
    assert result["success"] is False and result["exit_code"] == 3, result
    assert result["stdout"] == "out\n", result
    assert result["stderr"] == f"err\n{result['work_dir']}\n", result
    assert result["command"] == "echo out; echo err >&2; pwd >&2; exit 3"
    assert 0 < result["execution_time"] < 10, result
    result = execute("true")
    assert result["success"] is True and result["exit_code"] == 0, result


def test_an_end_by_a_signal():
    result = execute("kill -SEGV $$")
    assert result["exit_code"] == 128 + signal.SIGSEGV, result
    assert result["success"] is False and "limit" not in result, result


def test_commands_that_are_none():
    refused(execute(""), "empty")
    refused(execute("x" * 200000), "too long")
    with Shells([("execute_command", {})]) as worker:
        refused(worker.turn(), "empty")
    with Shells([("execute_command", {"command": 7})]) as worker:
        refused(worker.turn(), "empty")
    long = "true " + "x" * 131066
    assert execute(long)["success"] is True


def test_patterns():
    rules = {"allowed": ["echo .*", "ls"], "blocked": ["echo no"]}
    assert execute("echo yes", command_line=rules)["success"]
    refused(
        execute("cat x", command_line=rules), "Command not in allowed list."
    )
    refused(
        execute("echo no", command_line=rules),
        "Command matches blocked pattern: 'echo no'",
    )
    for command in ("cat x", "echo no"):
        with Shells(
            [("start_background_shell", {"command": command})],
            command_line=rules,
        ) as worker:
            result = worker.turn()
            assert result["success"] is False, result
            assert "Command " in result["error"], result


def test_working_directories():
    def make(worker):
        (worker.workspace / "sub").mkdir()
        (worker.workspace / "file").touch()
        (worker.workspace / "out").symlink_to("/usr")
        (worker.workspace / "in").symlink_to("sub")

    for given, what in (
        ("/etc", "Path validation error: "),
        ("..", "Path validation error: "),
        ("out", "Path validation error: "),
        ("out/bin", "Path validation error: "),
        ("none", "Working directory does not exist: none"),
        ("file", "Working directory is not a directory: file"),
    ):
        refused(execute("pwd", work_dir=given, setup=make), what)
    for given in ("sub", "in", "./sub/", "sub/../sub"):
        result = execute("pwd", work_dir=given, setup=make)
        assert result["work_dir"].endswith("/workspace/sub"), result
        assert result["stdout"] == result["work_dir"] + "\n", result
    for given in (None, "", "."):
        result = execute("pwd", work_dir=given)
        assert result["stdout"].endswith("/workspace\n"), result


def test_bytes_of_every_kind():
    program = "import sys; sys.stdout.buffer.write(bytes(range(256)))"
    result = execute(f"/usr/bin/python3 -c '{program}'")
    assert result["success"], result
    assert result["stdout"].startswith("\ufffd\x01\x02"), result
    assert "\x1b" in result["stdout"], result
    assert result["stdout"].endswith("\ufffd" * 128), result
    fake = '{"type":"answer","turn":1,"text":"mine"}'
    result = execute(f"echo '{fake}'; printf '\\\\ud83d \\355\\240\\275\\n'")
    assert result["stdout"].startswith(fake + "\n\\ud83d "), result
    assert result["stdout"].count("\ufffd") == 3, result


def test_both_ends_of_a_long_output():
    result = execute("seq 1000000; echo the end; seq 300000 >&2")
    assert result["success"], result
    size = len("".join(f"{n}\n" for n in range(1, 1000001))) + 8
    assert result["stdout"].startswith("1\n2\n3\n"), result["stdout"][:99]
    assert result["stdout"].endswith("1000000\nthe end\n")
    (left, total) = re.search(
        r"\[\.\.\. (\d+) of (\d+) bytes left out \.\.\.\]", result["stdout"]
    ).groups()
    shown = re.sub(r"\n\[\.\.\. .* left out \.\.\.\]\n", "", result["stdout"])
    assert int(total) == size and len(shown) == size - int(left), total
    assert result["stderr"].startswith("1\n2\n"), result["stderr"][:99]
    assert result["stderr"].endswith("300000\n")


def test_a_flood_is_ended():
    for command in ("yes", "cat /dev/zero"):
        with Shells([("execute_command", {"command": command})]) as worker:
            result = worker.turn()
            peak = re.search(
                r"VmHWM:\s+(\d+) kB",
                pathlib.Path(f"/proc/{worker.process.pid}/status").read_text(),
            )
            assert not worker.alive(), worker.alive()
        assert result["limit"] == "output", result["stderr"]
        assert result["success"] is False and result["exit_code"] == -1
        assert "it printed more than 1024 MiB" in result["stderr"]
        # what a sanitizer keeps beside it is not the worker's
        if "ASAN_OPTIONS" not in os.environ:
            assert int(peak[1]) < 64 * 1024, peak


def test_standard_input_is_empty():
    for level in shells.levels():
        assert execute("cat; echo $?", level)["stdout"] == "0\n"
        result = execute("read x </dev/tty; echo $?", level, timeout=5)
        assert result["stdout"].strip() not in ("", "0"), result
        assert result["execution_time"] < 5, result


def test_nothing_is_inherited():
    for level in shells.levels():
        result = execute("exec ls /proc/self/fd", level)
        # the fourth is what ls reads the directory by
        assert result["stdout"].split() == ["0", "1", "2", "3"], result


def test_what_confine_is_told():
    def make(worker):
        (worker.root / "context").mkdir()
        (worker.workspace / "sub").mkdir()

    root = pathlib.Path.cwd()
    confine = root / "confine"
    confine.write_text(
        f"""#!/bin/sh
printf '%s\\n' "$@" >{root}/argv
exec {worker.CONFINE} "$@"
"""
    )
    confine.chmod(0o755)
    few = ({}, {"--processes": "4096"})
    many = (
        {"memory": 1 << 30, "processes": 20, "cpu": 9, "file_size": 4096}
        | {"network": "host"},
        {"--memory": str(1 << 30), "--processes": "20"}
        | {"--cpu": "9", "--file-size": "4096"},
    )
    for (config, limits), ahead in itertools.product((few, many), (0, 1)):
        result = execute(
            "echo a 'b c'",
            setup=make,
            ahead=ahead,
            work_dir="sub",
            confine=str(confine),
            command_line=config,
            read=["/abs"],
            context=[{"path": str(root), "write": True}],
        )
        assert result["stdout"] == "a b c\n", result
        words = (root / "argv").read_text().splitlines()
        there = ("--command", "4") if ahead else ("--chdir", result["work_dir"])
        if not ahead:
            end = words.index("--")
            assert words[end + 1 :] == ["/bin/sh", "-c", "echo a 'b c'"], words
        options = list(zip(words, words[1:]))
        workspace = str(pathlib.Path(result["work_dir"]).parent)
        for option in (
            ("--level", "off"),
            ("--write", workspace),
            ("--tmp", workspace.removesuffix("workspace") + "tmp"),
            ("--read", workspace.removesuffix("workspace") + "snapshots"),
            ("--read", str(root)),
            ("--read", "/abs"),
            there,
            ("--report", "3"),
            *limits.items(),
        ):
            assert option in options, (option, words)
        assert ("--network" in words) == ("network" in config), words
        for name in ("--memory", "--cpu", "--file-size"):
            assert (name in words) == (name in limits), words


# --- walls that are made while the model thinks ---


def test_walls_made_ahead_do_not_stay():
    for level in shells.levels():
        with Shells(
            [("execute_command", {"command": "echo one"})], level=level
        ) as worker:
            assert worker.turn()["stdout"] == "one\n"
            assert not worker.waiting(), worker.waiting()


def test_walls_made_ahead_are_not_used_where_others_are_wanted():
    context = pathlib.Path.cwd() / "context"
    context.mkdir()
    for level in shells.levels():
        write = f"echo {level} >{context}/it"
        with Shells(
            [("list_background_shells", {})],
            presents=[[("execute_command", {"command": write})]],
            level=level,
            context=[{"path": str(context), "write": True}],
        ) as worker:
            assert worker.turn()["count"] == 0
            assert worker.waiting()
            assert worker.turn(kind="present")["success"]
            assert not worker.waiting(), worker.waiting()
        assert (context / "it").read_text() == f"{level}\n"


def test_walls_made_ahead_are_not_used_where_a_path_leads_elsewhere():
    for level in shells.levels():
        place = pathlib.Path.cwd() / level
        (place / "dir").mkdir(parents=True)
        (place / "dir/in").write_text("old\n")
        (place / "file").write_text("old\n")
        with Shells(
            [("execute_command", {"command": f"cd {place}; cat dir/in file"})],
            context=[{"path": str(place / "dir"), "write": False}]
            + [{"path": str(place / "file"), "write": False}],
            level=level,
        ) as worker:
            think = worker.think

            def change():
                think()
                (place / "dir").rename(place / "was")
                (place / "dir").mkdir()
                (place / "dir/in").write_text("new\n")
                (place / "new").write_text("new\n")
                (place / "new").rename(place / "file")

            worker.think = change
            assert worker.turn()["stdout"] == "new\nnew\n", level


def test_walls_are_made_ahead_for_the_next_call_of_a_reply():
    see = [("execute_command", {"command": "until [ -e go ]; do :; done"})]
    with Shells(
        see + [("execute_command", {"command": "echo y"})], ahead=False
    ) as worker:
        worker.begin()
        wait_until(worker.waiting, "walls")
        (worker.workspace / "go").touch()
        worker.wait_for("answer")
        assert worker.results()[-1]["stdout"] == "y\n"
        assert not worker.waiting(), worker.waiting()


def test_a_command_that_walls_made_ahead_do_not_take():
    with Shells(
        [("execute_command", {"command": ": " + "x" * 100000 + "; echo y"})],
    ) as worker:
        assert worker.turn()["stdout"] == "y\n"
        assert not worker.waiting(), worker.waiting()
    with Shells([("execute_command", {"command": "echo z"})]) as worker:
        think = worker.think

        def die():
            think()
            for process in worker.waiting():
                os.kill(process.pid, signal.SIGKILL)
            wait_until(lambda: not worker.waiting(), "its end")

        worker.think = die
        assert worker.turn()["stdout"] == "z\n"


# --- the environment ---


def test_keys_stay_outside():
    for level in shells.levels():
        result = execute(
            "env; cat /proc/self/environ /proc/*/environ 2>/dev/null; true",
            level,
            env={"OPENAI_API_KEY": CANARY, "OTHER": CANARY},
            command_line={"pass_env": ["PASSED", "ABSENT"]},
        )
        if level != "off":
            assert CANARY not in result["stdout"], result
        lines = result["stdout"].split("\0")[0].split("\n")
        names = {line.partition("=")[0] for line in lines if "=" in line}
        assert not {"OPENAI_API_KEY", "OTHER"} & names, names


def test_what_is_passed():
    result = execute(
        "env",
        env={"PASSED": "yes", "LC_TIME": "C", "LANG": "C.UTF-8"}
        | {"OTHER": "no"},
        tool_env={"MASSGEN_X": "given"},
        command_line={"pass_env": ["PASSED", "ABSENT"]},
    )
    env = dict(line.split("=", 1) for line in result["stdout"].splitlines())
    assert env["PASSED"] == "yes" and "ABSENT" not in env, env
    assert env["MASSGEN_X"] == "given" and "OTHER" not in env, env
    assert env["LC_TIME"] == "C" and env["LANG"] == "C.UTF-8", env
    assert env["HOME"] == result["work_dir"], env
    assert env["PATH"] == os.environ["PATH"], env
    assert pathlib.Path(env["TMPDIR"]).name == "tmp", env
    result = execute(
        "echo $SECRET", command_line={"pass_env": {"SECRET": CANARY}}
    )
    assert result["stdout"] == CANARY + "\n", result


def test_a_virtual_environment_is_used():
    def make(worker):
        directory = worker.workspace / "p" / ".venv" / "bin"
        directory.mkdir(parents=True)
        (directory / "python").write_text("#!/bin/sh\necho mine\n")
        (directory / "python").chmod(0o755)

    for level in shells.levels():
        result = execute(
            "python; echo $VIRTUAL_ENV", level, setup=make, work_dir="p"
        )
        where = f"{result['work_dir']}/.venv"
        assert result["stdout"] == f"mine\n{where}\n", result
    assert execute("echo [$VIRTUAL_ENV]")["stdout"] == "[]\n"


def test_only_what_can_be_reached_is_on_the_path():
    here = pathlib.Path.cwd()
    (here / "shown").mkdir()
    path = f"{here}/hidden:/usr/local/bin:/usr/bin:/bin:{here}/shown"
    for level in shells.levels():
        result = execute(
            "echo $PATH",
            level,
            env={"PATH": path},
            read=[f"{here}/shown"],
        )
        shown = result["stdout"].strip().split(":")
        assert {"/usr/bin", f"{here}/shown"} <= set(shown), result
        assert (f"{here}/hidden" in shown) == (level == "off"), result


def test_temporary_files():
    for level in shells.levels():
        result = execute("cd $TMPDIR && echo x >y && mktemp", level)
        assert result["success"], result


# --- time ---


def test_timeouts():
    result = execute("echo so far; sleep 1000", timeout=1)
    assert result["success"] is False and result["exit_code"] == -1, result
    assert result["stdout"] == "so far\n", result
    assert result["stderr"] == "Command timed out after 1 seconds", result
    assert result["limit"] == "timeout", result
    assert 1 <= result["execution_time"] < 3, result
    result = execute(
        "echo no >&2; sleep 1000", command_line={"timeout": 0.5}, timeout=None
    )
    assert result["stderr"] == "no\nCommand timed out after 0.5 seconds"
    for given in (0, -1, "soon", None):
        assert execute("sleep 0.2; echo x", timeout=given)["success"], given


def test_the_turn_is_the_longest_time():
    with Shells(
        [("execute_command", {"command": "sleep 1000", "timeout": 900})]
    ) as worker:
        worker.begin(limit_ms=300)
        worker.wait_for("tool")
        worker.await_none(10)


def test_a_command_shows_that_it_goes_on():
    loop = "while :; do :; done"
    with Shells(
        [("execute_command", {"command": loop, "timeout": 7})]
    ) as worker:
        worker.turn()
        said = [m for m in worker.heard if m["type"] == "activity"]
    assert [m["activity"] for m in said].count("running_tool") >= 2, said
    prints = "for i in 1 2 3 4; do echo; sleep .6; done"
    with Shells(
        [("execute_command", {"command": "sleep 6"})],
        [("execute_command", {"command": prints})],
    ) as worker:
        worker.turn()
        silent = [m for m in worker.heard if m["type"] == "activity"]
        worker.turn()
        said = [m for m in worker.heard if m["type"] == "activity"]
    assert [m["activity"] for m in silent].count("running_tool") == 1, silent
    assert len(said) >= len(silent) + 3, said


# --- limits ---


def limited(level, what, command, **limits):
    """A command that meets a limit, which the result names."""
    result = execute(command, level, command_line=limits, timeout=30)
    assert result["success"] is False, result
    assert result.get("limit") == what, result
    assert what in result["stderr"], result
    assert result["execution_time"] < 30, result


def test_limits():
    hog = (
        "/usr/bin/python3 -c 'import time; x = bytearray(1 << 30); "
        "time.sleep(60)'"
    )
    many = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do sleep 60 & done; wait"
    for level in shells.levels():
        limited(level, "memory", hog, memory=64 << 20)
        limited(level, "processes", many, processes=5)
        limited(level, "cpu", "while :; do :; done", cpu=1)
        limited(
            level,
            "file-size",
            "exec head -c 3000000 /dev/zero >x",
            file_size=1 << 20,
        )


# --- behind the agent's work ---


def test_a_background_shell():
    with Shells(
        [("start_background_shell", {"command": "echo hi; sleep 1000"})],
        [("get_background_shell_output", {"shell_id": "{{shell_id}}"})],
        [("get_background_shell_status", {"shell_id": "{{shell_id}}"})],
        [("list_background_shells", {})],
        [("kill_background_shell", {"shell_id": "{{shell_id}}"})],
        [("get_background_shell_status", {"shell_id": "{{shell_id}}"})],
        [("list_background_shells", {})],
    ) as worker:
        started = worker.turn()
        assert set(started) == {
            "shell_id", "status", "command", "pid", "work_dir",
        }, started
        shell = started["shell_id"]
        assert re.fullmatch(r"shell_[0-9a-f]{8}", shell), started
        assert started["status"] == "running", started
        wait_until(worker.alive, "it runs")
        time.sleep(0.1)
        result = worker.turn()
        assert result == {
            "shell_id": shell, "stdout": "hi\n", "stderr": "",
            "status": "running", "exit_code": None,
        }, result
        status = worker.turn()
        assert set(status) == {
            "shell_id", "status", "exit_code", "pid", "command", "cwd",
            "start_time", "duration_seconds",
        }, status
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", status["start_time"]
        ), status
        listed = worker.turn()
        assert listed["count"] == 1, listed
        assert listed["shells"][0]["shell_id"] == shell, listed
        killed = worker.turn()
        assert killed == {
            "shell_id": shell, "status": "killed", "signal": "SIGTERM",
        }, killed
        assert not worker.alive(), worker.alive()
        status = worker.turn()
        assert status["status"] == "killed", status
        assert status["exit_code"] == 128 + signal.SIGTERM, status
        assert worker.turn()["shells"] == [status]


def test_ends_of_background_shells():
    behind = {"run_in_background": True}
    with Shells(
        [("start_background_shell", {"command": "exit 0"})],
        [("get_background_shell_status", {"shell_id": "{{shell_id}}"})],
        [("start_background_shell", {"command": "echo x; exit 7"})],
        [("get_background_shell_output", {"shell_id": "{{shell_id}}"})],
        [("kill_background_shell", {"shell_id": "{{shell_id}}"})],
        [("execute_command", {"command": "kill -9 $$"} | behind)],
        [("get_background_shell_status", {"shell_id": "{{shell_id}}"})],
        [("get_background_shell_output", {"shell_id": "shell_none"})],
        [("kill_background_shell", {})],
    ) as worker:
        worker.turn()
        time.sleep(0.3)
        status = worker.turn()
        assert (status["status"], status["exit_code"]) == ("stopped", 0)
        worker.turn()
        time.sleep(0.3)
        result = worker.turn()
        assert (result["status"], result["exit_code"]) == ("failed", 7)
        assert result["stdout"] == "x\n", result
        killed = worker.turn()
        assert killed["signal"] is None and killed["status"] == "failed"
        assert killed["message"], killed
        assert worker.turn()["shell_id"], "in the background"
        time.sleep(0.3)
        status = worker.turn()
        assert (status["status"], status["exit_code"]) == ("killed", 137)
        for _ in range(2):
            result = worker.turn()
            assert result["success"] is False, result
            assert "Shell not found: " in result["error"], result


def test_a_background_shell_is_read_between_turns():
    command = "seq 200000; touch done; sleep 100"
    with Shells(
        [("start_background_shell", {"command": command})],
        [("get_background_shell_output", {"shell_id": "{{shell_id}}"})],
    ) as worker:
        worker.turn()
        done = worker.workspace / "done"
        wait_until(done.exists, "all of it is printed while nobody asks")
        result = worker.turn()
        assert result["stdout"].endswith("200000\n"), result["stdout"][-99:]
        assert " bytes left out ...]\n" in result["stdout"][:99], result


def test_at_most_ten_at_once():
    start = ("start_background_shell", {"command": "sleep 1000"})
    with Shells([start] * 11, [("list_background_shells", {})]) as worker:
        result = worker.turn()
        assert result["success"] is False, result
        assert "Maximum concurrent shells (10) reached" in result["error"]
        assert worker.turn()["count"] == 10
    again = ("start_background_shell", {"command": "true"})
    with Shells(
        *([again] for _ in range(40)), [("list_background_shells", {})]
    ) as worker:
        for _ in range(40):
            assert worker.turn()["status"] == "running"
            wait_until(lambda: not worker.alive(), "its end")
        assert 10 <= worker.turn()["count"] <= 33


def open_count(process):
    """Its descriptors but files, or None where one went as it was looked at."""
    try:
        links = pathlib.Path(f"/proc/{process.pid}/fd").iterdir()
        return len([o for o in map(os.readlink, links) if o[0] != "/"])
    except FileNotFoundError:
        return None


def settled_count(process):
    """The same, once it stays so."""
    seen = []

    def stays():
        seen.append(open_count(process))
        return len(seen) >= 20 and len(set(seen[-20:])) == 1 and seen[-1]

    return wait_until(stays, "descriptors that stay")


def test_no_descriptor_stays():
    step = [
        ("execute_command", {"command": "echo x"}),
        ("execute_command", {"command": "sleep 9", "timeout": 0.1}),
        ("execute_command", {"command": "echo x", "work_dir": "none"}),
        ("start_background_shell", {"command": "sleep 1000"}),
        ("kill_background_shell", {"shell_id": "{{shell_id}}"}),
    ]
    with Shells(step, step, step, step) as agent:
        agent.turn()
        first = settled_count(agent.process)
        for _ in range(3):
            agent.turn()
            assert settled_count(agent.process) == first


# --- docker ---

DOCKER = {"mode": "docker", "docker": {"image": "box", "network": "none"}}

FAKE = """#!/bin/sh
for word; do printf '%s\\n' "$word"; done >>"$DOCKER_CONFIG/argv"
echo >>"$DOCKER_CONFIG/argv"
[ "$1" = run ] || exit 0
while [ "$1" != /bin/sh ]; do shift; done
exec "$@"
"""


def fake_docker():
    """An environment in which docker is a script that keeps its words."""
    here = pathlib.Path.cwd()
    (here / "bin").mkdir(exist_ok=True)
    (here / "bin" / "docker").write_text(FAKE)
    (here / "bin" / "docker").chmod(0o755)
    return {
        "PATH": f"{here}/bin:{os.environ['PATH']}",
        "DOCKER_CONFIG": str(here),
    }


def docker_words():
    """The words of each of its runs."""
    text = pathlib.Path("argv").read_text()
    return [run.split("\n") for run in text.split("\n\n") if run]


def test_docker_is_told_what_to_do():
    config = DOCKER | {
        "pass_env": ["PASSED"],
        "processes": 64,
        "docker": {"image": "box:1", "network": "bridge"}
        | {"memory": "512m", "cpus": 1.5},
    }
    result = execute(
        "echo in the box",
        command_line=config,
        env=fake_docker() | {"PASSED": "p"},
    )
    assert result["stdout"] == "in the box\n", result
    (words,) = docker_words()
    assert words[:3] == ["run", "--rm", "--init"], words
    options = list(zip(words, words[1:]))
    for option in (
        ("--network", "bridge"),
        ("--memory", "512m"),
        ("--cpus", "1.5"),
        ("--pids-limit", "64"),
        ("--user", f"{os.getuid()}:{os.getgid()}"),
        ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"),
        ("--workdir", result["work_dir"]),
        ("--env", f"HOME={result['work_dir']}"),
        ("--env", "PASSED"),
        ("--env", "MARKER"),
    ):
        assert option in options, (option, words)
    assert (
        "--mount",
        'type=bind,"source={0}","target={0}"'.format(result["work_dir"]),
    ) in options, words
    assert any(
        value.endswith('/snapshots",readonly') for value in words
    ), words
    assert words[-4:] == ["box:1", "/bin/sh", "-c", "echo in the box"], words
    assert re.fullmatch(
        r"massgen-agent1-[0-9a-f]{8}", words[words.index("--name") + 1]
    ), words


def test_docker_with_sudo():
    config = DOCKER | {"docker": {"image": "box", "sudo": True}}
    assert execute("true", command_line=config, env=fake_docker())["success"]
    (words,) = docker_words()
    assert "--user" not in words and "--cap-drop" not in words, words
    assert words[words.index("--network") + 1] == "none", words


def test_docker_containers_are_removed_at_a_timeout():
    result = execute(
        "echo x; sleep 1000", command_line=DOCKER, env=fake_docker(), timeout=1
    )
    assert result["limit"] == "timeout" and result["stdout"] == "x\n", result
    run, remove = docker_words()
    name = run[run.index("--name") + 1]
    assert remove == ["rm", "--force", name], remove


def test_without_a_docker_program():
    result = execute("true", command_line=DOCKER, env={"PATH": "/nowhere"})
    refused(result, "Execution error: ", "no docker program on PATH")


def test_without_an_image():
    result = execute(
        "true", command_line={"mode": "docker"}, env=fake_docker()
    )
    refused(result, "Execution error: ", "no image is configured")


def test_without_a_docker_engine():
    docker = subprocess.run(
        ["sh", "-c", "command -v docker && ! docker info"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if docker.returncode != 0:
        raise Skip("there is no docker program, or it has an engine")
    result = execute(
        "true",
        command_line=DOCKER,
        env={"DOCKER_HOST": f"unix://{os.getcwd()}/none.sock"},
    )
    assert result["success"] is False and result["exit_code"] == -1, result
    assert "docker.sock" in result["stderr"] or (
        "none.sock" in result["stderr"]
    ), result
    assert "Execution error: docker failed (exit code 125)" in (
        result["stderr"]
    ), result


# --- in whole runs ---


def test_a_run_with_commands():
    for sandbox in ("auto", "off"):
        result = massgen.run(
            "q",
            config=agents_config(
                {
                    "a": commander(
                        ("execute_command", {"command": "echo x >f; cat f"}),
                        sandbox=sandbox,
                    )
                }
            ),
        )
        assert result.code == 0 and result.answer == b"It is x", result
        assert "execute_command" in str(result.events), result


def test_keys_are_passed_by_name_alone():
    command = "echo ${OPENAI_API_KEY:-none}"
    for passed, seen in (([], b"none"), (["OPENAI_API_KEY"], None)):
        result = massgen.run(
            "q",
            config=agents_config(
                {
                    "a": commander(
                        ("execute_command", {"command": command}),
                        command_line_pass_env=passed,
                    )
                }
            ),
            env={"OPENAI_API_KEY": CANARY},
        )
        assert seen is None or result.answer == b"It is " + seen, result
        for path in pathlib.Path(".massgen").rglob("*"):
            if path.is_file():
                assert CANARY.encode() not in path.read_bytes(), path


if __name__ == "__main__":
    harness.main()
