#!/usr/bin/python3
"""Questions, files and answers that nobody should send."""

import json
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
from massgen import (  # noqa: E402
    ONE_TRY,
    agents_config,
    mock,
    run,
    start,
    write_config,
)


def question_of(result):
    """What the run took for its question."""
    assert result.code == 0, result
    return result.status["meta"]["question"]


def test_question_from_a_file():
    pathlib.Path("q.txt").write_text("Line one\nLine \u20ac two")
    result = run("--dry-run", "--question-file", "q.txt")
    assert question_of(result).rstrip("\n") == "Line one\nLine \u20ac two"


def test_question_from_standard_input():
    read, write = os.pipe()
    os.write(write, b"From a pipe?")
    os.close(write)
    result = run("--dry-run", "--question-file", "-", stdin=read)
    os.close(read)
    assert question_of(result).rstrip("\n") == "From a pipe?"


def test_dash_is_standard_input():
    pathlib.Path("q.txt").write_text("From a file by stdin?")
    with open("q.txt", "rb") as stdin:
        result = run("--dry-run", "-", stdin=stdin)
    assert question_of(result).rstrip("\n") == "From a file by stdin?"


def test_a_question_that_does_not_come_is_not_waited_for_for_ever():
    os.mkfifo("fifo")
    read, write = os.pipe()
    for words in (("-",), ("--question-file", "fifo")):
        limited = ("--dry-run", "--orchestrator-timeout", "0.2", *words)
        result = start(*limited, stdin=read).wait(10)
        assert result.code == 3, result
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            going = start("--dry-run", *words, stdin=read)
            going.wait_line("LOG_DIR: ")
            going.process.send_signal(number)
            result = going.wait(10)
            assert result.code == 4, result
            assert result.status["meta"]["exit_code"] == 4, result
            assert "question" in result.value("Error"), result
    os.close(write)
    os.close(read)


def test_a_key_in_a_question_is_in_no_file():
    with llm.Server() as server:
        config = agents_config({i: llm.agent(server, "ok") for i in "ab"})
        env = {"GROQ_API_KEY": llm.KEY}
        result = run(f"Why {llm.KEY}?", config=config, env=env)
        asked = server.requests()[0]["body"]
    assert llm.KEY in json.dumps(asked), asked
    assert question_of(result) == f"Why {'*' * len(llm.KEY)}?", result
    assert not llm.files_with(result.log_dir, llm.KEY)


def test_a_question_may_come_in_pieces():
    going = start("--dry-run", "-", stdin=subprocess.PIPE)
    going.wait_line("LOG_DIR: ")
    for piece in (b"In ", b"pieces", b"?"):
        going.process.stdin.write(piece)
        going.process.stdin.flush()
    going.process.stdin.close()
    assert question_of(going.wait()) == "In pieces?"


def test_an_open_pipe_is_never_read():
    read, write = os.pipe()
    os.write(write, b"left alone")
    result = run("--dry-run", "Q", stdin=read)
    assert question_of(result) == "Q"
    assert os.read(read, 100) == b"left alone"
    os.close(write)
    os.close(read)


def test_workers_do_not_get_our_standard_input():
    read, write = os.pipe()
    config = agents_config(
        {"a": {"system_message": "hang", "backend": {"type": "mock"}}},
        timeout_settings={"agent_timeout_seconds": 3},
        **ONE_TRY,
    )
    going = start("Q", config=config, stdin=read, worker=harness.FAKE_WORKER)
    going.wait_status(
        lambda s: s["agents"]["a"]["status"] == "streaming", "a turn"
    )
    ours = os.readlink(f"/proc/self/fd/{read}")
    for worker in going.workers():
        for link in pathlib.Path(f"/proc/{worker.pid}/fd").iterdir():
            assert os.readlink(link) != ours, worker
    massgen.assert_clean(going.wait())
    os.close(write)
    os.close(read)


def test_empty_questions_are_refused():
    for text in ("", " ", "\n\t"):
        result = run("--dry-run", text)
        assert result.code == 1, result
    pathlib.Path("empty").write_text("")
    result = run("--dry-run", "--question-file", "empty")
    assert result.code == 1, result


def test_a_question_with_bad_bytes_is_cleaned():
    data = b"a\0b \xff\xc0\xaf \xed\xa0\x80 c\x1b[0m"
    pathlib.Path("q.bin").write_bytes(data)
    result = run("--dry-run", "--question-file", "q.bin")
    question = question_of(result)
    assert "\0" not in question and "\ufffd" in question, repr(question)
    assert question.startswith("a\ufffdb "), repr(question)
    assert result.status["meta"]["question"].encode("utf-8")


def test_an_argument_with_bad_bytes_is_cleaned():
    going = subprocess.run(
        [massgen.MASSGEN, "--automation", "--dry-run", b"bad \xff\xfe bytes"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=massgen.environment(),
        timeout=30,
    )
    result = massgen.Result(
        going.returncode, going.stdout.decode(), going.stderr.decode()
    )
    massgen.assert_clean(result)
    assert question_of(result) == "bad \ufffd\ufffd bytes"


def test_a_question_that_looks_like_an_option():
    result = run("--dry-run", "--", "--what is this?")
    assert question_of(result) == "--what is this?"


def test_a_question_full_of_json_and_yaml():
    text = '": {"winner": null}, \\ \\u0000 \n- a: [b\n%TAG ! &x *x'
    result = run("--dry-run", text)
    assert question_of(result) == text
    for path in result.log_dir.rglob("*.json"):
        massgen.json.loads(path.read_text())


def test_a_huge_question():
    pathlib.Path("q.txt").write_text("word " * 200_000)
    result = run("--dry-run", "--question-file", "q.txt", seconds=60)
    assert result.code in (0, 1), result
    pathlib.Path("q.txt").write_text("word " * 3_000_000)
    result = run("--dry-run", "--question-file", "q.txt", seconds=60)
    assert result.code == 1, result


def test_a_question_file_without_an_end_is_refused():
    result = run("--dry-run", "--question-file", "/dev/zero")
    assert result.code == 1, result


def test_configurations_that_are_no_file_are_refused():
    os.mkfifo("fifo.yaml")
    for name in ("/dev/zero", "fifo.yaml", "/dev/null"):
        result = run("Q", config=name)
        assert result.code == 1, result


def test_a_configuration_that_is_too_long_is_refused():
    with open("big.yaml", "w") as file:
        file.write("agents:\n- id: a\n  backend: {type: mock}\n")
        file.write("# filler\n" * 300_000)
    result = run("Q", config="big.yaml")
    assert result.code == 1, result


def test_configurations_made_to_exhaust_are_refused():
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 12):
        laughs += f"{chr(97 + n)}: &{chr(97 + n)} ["
        laughs += ", ".join([f"*{chr(96 + n)}"] * 9) + "]\n"
    deep = "agents: " + "[" * 50_000
    for text in (laughs, deep, "? " * 50_000, "&x agents: *x\n"):
        pathlib.Path("bad.yaml").write_text(text)
        result = run("Q", config="bad.yaml")
        assert result.code == 1, result


def test_configurations_of_bytes_are_refused():
    for data in (b"\xff\xfe\x00a", b"agents: \x00", bytes(range(256))):
        pathlib.Path("bad.yaml").write_bytes(data)
        result = run("Q", config="bad.yaml")
        assert result.code == 1, result


def test_answers_with_bad_bytes():
    text = "nul \\0, escape \x1b[31m, bell \x07, \U0001f600"
    config = agents_config({"a": mock({"answer": text}), "b": mock()})
    path = write_config(config)
    # json writes control characters as \\u escapes, which YAML knows
    result = run("Q", config=path)
    assert result.code == 0, result
    assert "\x1b" not in result.stdout, result
    table = (result.log_dir / "coordination_table.txt").read_bytes()
    assert b"\x1b" not in table and b"\x07" not in table, table


def test_answers_of_50_mb():
    config = agents_config(
        {
            "a": mock({"answer_bytes": 50 * 1024 * 1024}, {"vote": "a"}),
            "b": mock({"vote": "a", "delay_ms": 100}),
        }
    )
    result = run("Q", config=config, seconds=60)
    assert result.code == 0 and result.winner == "a", result
    (answer,) = result.log_dir.glob("a/*/answer.txt")
    assert answer.stat().st_size == 50 * 1024 * 1024
    assert len(result.answer) > 0
    assert (result.log_dir / "status.json").stat().st_size < 20000


def test_blank_answers_are_refused():
    config = agents_config(
        {
            "a": mock({"answer": " \n"}, {"answer": "real"}),
            "b": mock({"vote": "a", "delay_ms": 300}),
        }
    )
    result = run("--dry-run", "Q", config=config)
    assert result.code == 0, result
    (answer,) = result.log_dir.glob("a/*/answer.txt")
    assert answer.read_text() == "real"


def test_a_log_root_with_odd_characters():
    result = run("--dry-run", "--log-root", "od d/\u20ac 'x\"/$HOME", "Q")
    assert result.code == 0, result
    assert (result.log_dir / "status.json").is_file()


def test_a_log_root_with_a_newline_breaks_no_line():
    result = run("--dry-run", "--log-root", "a\nb", "Q")
    assert result.code in (0, 1, 2), result


def test_agents_named_like_files_of_the_run():
    for name in (
        "final",
        "final_output",
        "agent_outputs",
        "status.json",
        "events.ndjson",
        "massgen.log",
        "vote.json",
        "manifest.json",
    ):
        config = agents_config({name: mock({"answer": "A"}), "b": mock()})
        result = run("--dry-run", "Q", config=config)
        if result.code == 1:
            continue
        assert result.code == 0, (name, result)
        assert not result.values("Warning"), (name, result)
        assert list(result.log_dir.glob(f"{name}/*/answer.txt")), name
        for file in ("vote.json", "massgen.log", "coordination_table.txt"):
            assert (result.log_dir / file).is_file(), (name, file)


def test_a_working_directory_that_is_gone():
    os.mkdir("gone")
    config = os.path.abspath(
        write_config(agents_config({"a": mock({"answer": "A"})}))
    )
    root = os.path.abspath("logs")
    script = 'cd gone && rmdir ../gone && exec "$0" "$@"'
    result = run(
        "--log-root",
        root,
        "Q",
        config=config,
        prefix=["/bin/sh", "-c", script],
    )
    assert result.code == 0, result


def test_a_home_that_is_not_there():
    for home in ("/nonexistent", "", None):
        result = run("--dry-run", "Q", env={"HOME": home})
        assert result.code == 0, result


def test_a_clock_set_back_a_day():
    env = {
        "LD_PRELOAD": str(harness.BUILD / "tests/bin/clock-back.so"),
        "CLOCK_BACK_MS": "300",
        "ASAN_OPTIONS": "verify_asan_link_order=0",
    }
    config = agents_config(
        {
            "a": mock({"answer": "A", "delay_ms": 600}, {"vote": "a"}),
            "b": mock({"answer": "B", "delay_ms": 50}, {"fault": "hang"}),
        },
        timeout_settings={"agent_timeout_seconds": 1},
        **ONE_TRY,
    )
    result = run("Q", config=config, env=env)
    assert result.code == 0 and result.winner == "a", result
    assert result.status["agents"]["b"]["status"] == "timeout", result
    assert 0.9 < float(result.value("Elapsed").split()[0]) < 20, result
    times = [event["time"] for event in result.events]
    assert times == sorted(times), times
    steps = result.log_dir.glob("*/*/answer.txt")
    days = {path.parent.name[:8] for path in steps}
    assert len(days) >= 2, f"the clock was not set back: {days}"


if __name__ == "__main__":
    harness.main()
