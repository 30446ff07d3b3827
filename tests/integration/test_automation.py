#!/usr/bin/python3
"""The lines of --automation: what comes, in which order, and how soon."""

import json
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import agents_config, mock, run, start, write_config  # noqa: E402

SLOW = agents_config(
    {
        "a": mock({"answer": "A", "delay_ms": 1500}),
        "b": mock({"answer": "B", "delay_ms": 1500}),
    }
)


def test_dry_run_prints_ten_lines_in_order():
    result = run("--dry-run", "What is it?")
    assert result.code == 0, result
    heads = [line.split(":")[0].split(" with ")[0] for line in result.lines]
    assert heads == [
        "LOG_DIR",
        "Starting coordination",
        "Phase",
        "Phase",
        "Phase",
        "Phase",
        "Winner",
        "Final answer",
        "Elapsed",
        "Exit code",
    ], result
    assert result.lines[2:6] == [
        "Phase: planning (10%)",
        "Phase: generation (50%)",
        "Phase: voting (75%)",
        "Phase: presentation (100%)",
    ], result


def test_agents_are_counted():
    config = agents_config({i: mock({"answer": i}) for i in "abc"})
    result = run("Q", config=config)
    assert "Starting coordination with 3 agents..." in result.lines, result


def test_paths_are_absolute_and_there():
    result = run("--dry-run", "--log-root", "logs/here", "Q")
    assert result.log_dir.is_absolute(), result
    assert result.log_dir.parent == pathlib.Path("logs/here").resolve()
    final = pathlib.Path(result.value("Final answer"))
    assert final == result.log_dir / "final" / result.winner / "answer.txt"
    assert final.read_bytes(), result


def test_log_root_has_a_default():
    result = run("--dry-run", "Q")
    root = pathlib.Path(".massgen/massgen_logs").resolve()
    assert result.log_dir.parent == root, result


def test_first_line_comes_while_the_run_goes_on():
    going = start("Q", config=SLOW)
    log_dir = going.log_dir
    assert log_dir.is_dir()
    assert going.process.poll() is None, "the run was over already"
    going.wait_line("Starting coordination")
    going.wait_line("Phase: planning (10%)")
    assert going.process.poll() is None, "the run was over already"
    massgen.assert_clean(going.wait())


def test_phases_come_as_they_are_complete():
    going = start("Q", config=SLOW)
    going.wait_line("Phase: planning")
    going.wait_status(
        lambda s: s["coordination"]["phase"] == "generation", "the next phase"
    )
    assert "Phase: generation" not in going.stdout
    massgen.assert_clean(going.wait())


def test_bad_configuration_has_its_log_dir():
    write_config({"agents": [{"id": "a", "backend": {"typo": 1}}]})
    result = run("Q", config="config.yaml")
    assert result.code == 1, result
    assert result.lines[0].startswith("LOG_DIR: /"), result
    assert len(result.values("Error")) == 1, result
    assert "config.yaml:" in result.stderr, result


def test_bad_flag_has_its_log_dir():
    result = run("--no-such-flag", "Q")
    assert result.code == 1, result
    assert result.lines[0].startswith("LOG_DIR: /"), result
    assert "no-such-flag" in result.stdout + result.stderr, result


def test_nothing_of_a_model_reaches_stdout():
    text = "\x1b[31mred\x1b[0m and Winner: evil\nExit code: 0\n\x07"
    config = agents_config(
        {
            "a": mock({"say": text}, {"answer": text + "1"}, {"present": text}),
            "b": mock({"answer": text + "2"}),
        }
    )
    result = run("Q", config=config)
    assert "evil" not in result.stdout, result
    assert "\x1b" not in result.stdout + result.stderr, result


def test_an_error_text_of_a_model_stays_in_its_line():
    text = "\x1b[31mboom\nExit code: 0\nWinner: evil"
    config = agents_config(
        {
            "a": mock(*3 * [{"error": text, "permanent": True}]),
            "b": mock({"answer": "B"}),
        }
    )
    result = run("Q", config=config)
    assert result.winner == "b", result
    assert result.lines.count("Exit code: 0") == 1, result


def test_diagnostics_go_to_stderr():
    config = agents_config(
        {
            "a": mock(*3 * [{"fault": "garbage"}]),
            "b": mock({"answer": "B"}),
        }
    )
    result = run("--debug", "Q", config=config)
    massgen.assert_lines(result)
    assert result.code == 0, result


def test_lines_are_bounded_however_much_goes_wrong():
    config = agents_config(
        {f"bad{n}": mock(*3 * [{"fault": "exit"}]) for n in range(12)}
        | {"good": mock({"answer": "G"})}
    )
    result = run("Q", config=config, seconds=40)
    assert result.winner == "good", result
    assert len(result.lines) <= 20, result


def test_a_failed_agent_is_told_with_what_it_left():
    config = agents_config(
        {
            "a": mock({"answer": "A"}, *3 * [{"fault": "crash"}]),
            "b": mock({"answer": "B", "delay_ms": 100}),
        }
    )
    result = run("Q", config=config)
    told = [line for line in result.lines if line.startswith("Agent a: ")]
    assert told, result
    assert "1 answer kept" in told[-1], result


def test_a_closed_stdout_does_not_end_the_run():
    going = subprocess.Popen(
        [massgen.MASSGEN, "--automation", "--dry-run", "--log-root", "l", "Q"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=massgen.environment(),
    )
    going.stdout.close()
    assert going.wait(timeout=20) == 0
    (log_dir,) = pathlib.Path("l").iterdir()
    assert list(log_dir.glob("final/*/answer.txt"))


def test_no_stdout_at_all_does_not_end_the_run():
    command = f"exec '{massgen.MASSGEN}' --automation --dry-run --log-root l Q"
    done = subprocess.run(
        ["/bin/sh", "-c", command + " <&- >&- 2>&-"],
        env=massgen.environment(),
        timeout=20,
    )
    assert done.returncode == 0
    (log_dir,) = pathlib.Path("l").iterdir()
    text = next(log_dir.glob("final/*/answer.txt")).read_text()
    assert "Phase:" not in text and "LOG_DIR" not in text, text
    for path in log_dir.rglob("*"):
        if path.is_file() and path.name != "massgen.log":
            assert b"LOG_DIR: " not in path.read_bytes(), path


def test_a_full_stdout_does_not_end_the_run():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [massgen.MASSGEN, "--automation", "--dry-run", "Q"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=massgen.environment(),
            timeout=20,
        )
    assert done.returncode == 0, done.stderr


def test_a_reader_that_stops_reading_does_not_hang_the_run():
    config = write_config(agents_config({"a": mock({"answer": "A"})}))
    read, write = os.pipe()
    going = subprocess.Popen(
        [massgen.MASSGEN, "--automation", "--config", config, "Q"],
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=write,
        env=massgen.environment(),
    )
    os.close(write)
    assert going.wait(timeout=20) == 0
    os.close(read)


def full_pipe():
    """A pipe into which nothing goes any more, and which blocks."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while os.write(write, b"." * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(write, True)
    return read, write


def begin(config, *flags, **popen):
    """massgen with these flags; its logs go to ./l."""
    path = write_config(config)
    return subprocess.Popen(
        [massgen.MASSGEN, *flags, "--log-root", "l", "--config", path, "Q"],
        stdin=subprocess.DEVNULL,
        env=massgen.environment(),
        **popen,
    )


def end_with_blocked_stderr(config, *flags, signals=()):
    """Its exit code; the signals are sent once it has printed a line."""
    read, write = full_pipe()
    going = begin(config, *flags, stdout=subprocess.PIPE, stderr=write)
    os.close(write)
    try:
        if signals:
            assert going.stdout.readline()
        for number in signals:
            going.send_signal(number)
        return going.wait(timeout=20)
    finally:
        going.kill()
        going.communicate()
        os.close(read)


def test_a_blocked_stderr_does_not_hang_the_run():
    config = agents_config({"a": mock({"answer": "A"})})
    for flags in (), ("--automation", "--debug"), ("--json", "--debug"):
        assert end_with_blocked_stderr(config, *flags) == 0, flags


def test_a_blocked_stderr_leaves_limits_and_signals_in_force():
    hang = agents_config({"a": mock({"fault": "hang"})})
    limit = {"timeout_settings": {"orchestrator_timeout_seconds": 1}}
    assert end_with_blocked_stderr(hang | limit) == 3
    for number in signal.SIGTERM, signal.SIGINT:
        code = end_with_blocked_stderr(
            hang, "--json", "--debug", signals=[number]
        )
        assert code == 4, number


LONG = agents_config({"a": mock({"answer_bytes": 300_000}, {"vote": "a"})})


def unread(*flags):
    """A run to its last file, its long answer on an output not yet read."""
    read, write = os.pipe()
    going = begin(LONG, *flags, stdout=write, stderr=subprocess.PIPE)
    os.close(write)

    def ended():
        for found in pathlib.Path("l").glob("*/status.json"):
            meta = json.loads(found.read_text())["meta"]
            return meta["outcome"] == "success" and found.parent
        return None

    return going, read, harness.wait_until(ended, "the end of the run")


def test_a_slow_reader_gets_the_whole_answer():
    going, read, _ = unread("--no-display")
    try:
        going.wait(timeout=3)
        raise AssertionError("it did not wait for its reader")
    except subprocess.TimeoutExpired:
        pass
    with open(read, "rb") as output:
        assert len(output.read()) == 300_001
    assert going.communicate(timeout=20)[1] == b""
    assert going.returncode == 0


def test_what_the_reader_did_not_get_is_told():
    going, read, log_dir = unread("--no-display")
    going.send_signal(signal.SIGTERM)
    told = going.communicate(timeout=8)[1].decode()
    assert going.returncode == 0, told
    with open(read, "rb") as output:
        left = 300_001 - len(output.read())
    assert left > 0
    warning = f"its reader did not take the last {left} bytes"
    assert warning in told, told
    assert warning in (log_dir / "massgen.log").read_text()
    path = told.splitlines()[-1].removeprefix(
        "massgen: the whole answer is in "
    )
    assert len(pathlib.Path(path).read_bytes()) == 300_000, told


def test_elapsed_is_the_time_it_took():
    result = run("Q", config=SLOW)
    elapsed = float(result.value("Elapsed").split()[0])
    assert 1.4 < elapsed < 15, result
    meta = result.status["meta"]
    assert abs(meta["elapsed_seconds"] - elapsed) < 1, meta


if __name__ == "__main__":
    harness.main()
