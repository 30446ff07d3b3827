#!/usr/bin/python3
"""The command line beside --automation."""

import contextlib
import json
import os
import pathlib
import pty
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import (  # noqa: E402
    agents_config,
    mock,
    plain,
    start,
    write_config,
)

# massgen(1), those that a run takes
FLAGS = (
    "--config", "--question-file", "--automation", "--dry-run", "--backend",
    "--model", "--system-message", "--base-url", "--orchestrator-timeout",
    "--agent-timeout", "--max-cost", "--log-root", "-o", "--json",
    "--no-display", "--no-logs", "--debug", "--version", "--help",
    "--validate", "--strict", "--list-examples", "--example",
)  # fmt: skip


def test_help_names_every_flag():
    result = plain("--help")
    assert result.code == 0, result
    for flag in FLAGS:
        assert re.search(rf"(^|[\s,;]){re.escape(flag)}\b", result.stdout), (
            f"{flag}\n{result}"
        )
    assert not result.stderr, result


def test_help_names_no_flag_that_is_refused():
    for flag in sorted(set(re.findall(r"--[a-z-]+", plain("--help").stdout))):
        result = plain("--dry-run", flag)
        text = result.stdout + result.stderr
        assert "unknown" not in text and "unrecog" not in text, result


def test_every_flag_is_in_the_manual():
    page = harness.ROOT / "man" / "massgen.1"
    if not page.exists():
        raise harness.Skip("massgen.1 is not written yet")
    text = page.read_text()
    listed = set(re.findall(r"--[a-z][a-z-]+", plain("--help").stdout))
    for flag in listed:
        word = flag.lstrip("-")
        assert re.search(rf"-?-{word}|Fl -?{word}", text), flag


def test_version():
    result = plain("--version")
    assert result.code == 0, result
    assert re.fullmatch(r"massgen \d+\.\d+\.\d+\n", result.stdout), result


def test_a_bad_flag_without_automation():
    result = plain("--frobnicate")
    assert result.code == 1 and not result.stdout, result
    assert "frobnicate" in result.stderr, result
    assert not pathlib.Path(".massgen").exists()


def test_nothing_at_all():
    result = plain()
    assert result.code == 1, result
    assert result.stderr, result


def test_json_is_one_object_a_line():
    result = plain("--json", "--dry-run", "Q")
    assert result.code == 0, result
    events = [json.loads(line) for line in result.lines]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "run_started", events[0]
    assert events[-1]["type"] == "run_ended", events[-1]
    assert events[-1]["exit_code"] == 0, events[-1]
    log_dir = pathlib.Path(events[0]["log_dir"])
    assert (log_dir / "events.ndjson").read_text() == result.stdout


def test_json_comes_as_it_happens():
    config = agents_config({"a": mock({"answer": "A", "delay_ms": 1000})})
    going = start("Q", config=config, flags=["--json"])
    line = going.wait_line("{")
    assert json.loads(line)["type"] == "run_started", line
    assert going.process.poll() is None, "the run was over already"
    assert going.wait().code == 0


def test_json_of_a_bad_configuration():
    result = plain("--json", "--config", "nowhere.yaml", "Q")
    assert result.code == 1, result
    last = json.loads(result.lines[-1])
    assert last["type"] == "run_ended" and last["exit_code"] == 1, last


def assert_never_began(result, code, outcome):
    """One line of JSON says how it ended."""
    assert result.code == code, result
    (last,) = map(json.loads, result.lines)
    assert last["type"] == "run_ended", last
    assert (last["exit_code"], last["outcome"]) == (code, outcome), last
    if "log_dir" in last:
        status = pathlib.Path(last["log_dir"], "status.json").read_text()
        assert json.loads(status)["meta"]["outcome"] == outcome, status
    return last


def test_json_of_a_bad_flag():
    for flags in (["--json"], ["--automation", "--json"]):
        result = plain(*flags, "--frobnicate", "Q")
        assert "log_dir" in assert_never_began(result, 1, "config_error")


def test_json_of_a_place_where_nothing_can_be():
    pathlib.Path("file").write_text("")
    result = plain("--json", "--dry-run", "--log-root", "file/logs", "Q")
    assert "log_dir" not in assert_never_began(result, 2, "execution_error")


def test_empty_paths():
    for option in ("--log-root", "--output"):
        result = plain("--dry-run", option, "", "Q")
        assert result.code == 1 and "empty" in result.stderr, result


def test_options_of_a_quick_run_go_with_one():
    config = write_config(agents_config({"a": mock({"answer": "A"})}))
    for option in ("--base-url", "--system-message"):
        for flags in ((), ("--dry-run",), ("--config", config)):
            result = plain("--automation", *flags, option, "http://x/", "Q")
            assert result.code == 1, result
            assert option in result.stdout, result


def test_no_display_prints_the_answer_alone():
    config = write_config(agents_config({"a": mock({"answer": "just this"})}))
    result = plain("--no-display", "--config", config, "Q")
    assert result.code == 0, result
    assert result.stdout == "just this\n", result


def test_a_person_sees_the_answer_and_the_way():
    config = write_config(
        agents_config({i: mock({"answer": f"from {i}"}) for i in "ab"})
    )
    result = plain("--config", config, "Q")
    assert result.code == 0, result
    assert "from a" in result.stdout, result
    assert "\x1b" not in result.stdout, "escape codes without a terminal"


def test_a_persons_terminal_is_safe_from_models():
    config = write_config(
        agents_config(
            {
                "a": mock({"answer": "one\x1b]0;title\x07\x1b[2Jtwo"}),
                "b": mock({"error": "\x1b[2J", "permanent": True}),
            }
        )
    )
    ours, theirs = pty.openpty()
    going = subprocess.Popen(
        [massgen.MASSGEN, "--config", config, "Q"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=massgen.environment(TERM="dumb"),
    )
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):  # how the end of a terminal is told
        while data := os.read(ours, 65536):
            text += data
    os.close(ours)
    assert going.wait() == 0, text
    assert b"one" in text and b"two" in text, text
    assert b"\x1b]0;" not in text and b"\x1b[2J" not in text, text


def test_no_logs():
    result = massgen.run("--dry-run", "--no-logs", "Q")
    assert result.code == 0, result
    assert not (result.log_dir / "massgen.log").exists()


def test_debug_logs_more():
    less = massgen.run("--dry-run", "Q")
    more = massgen.run("--dry-run", "--debug", "Q")
    sizes = [
        (r.log_dir / "massgen.log").stat().st_size for r in (less, more)
    ]
    assert sizes[0] < sizes[1], sizes


def test_options_may_follow_the_question():
    result = massgen.run("Q", "--dry-run")
    assert result.code == 0, result


def test_an_option_and_its_value_in_one_word():
    result = massgen.run("--dry-run", "--log-root=logs", "Q")
    assert result.log_dir.parent.name == "logs", result


def test_validation_finds_nothing():
    path = write_config(agents_config({"a": mock({"answer": "A"})}))
    result = plain("--validate", path)
    assert result.code == 0, result
    assert not pathlib.Path(".massgen").exists()


def test_validation_places_every_error():
    pathlib.Path("bad.yaml").write_text(
        "agents:\n"
        "- id: a\n"
        "  backend:\n"
        "    type: mock\n"
        "    scirpt: []\n"
        "- id: a\n"
        "  backend: {type: nope}\n"
        "  extra: 1\n"
    )
    result = plain("--validate", "bad.yaml")
    assert result.code == 1, result
    text = result.stdout + result.stderr
    assert "bad.yaml:5:5:" in text and "script" in text, result
    assert "bad.yaml:6:" in text and "Duplicate agent ID: 'a'" in text, result
    assert "bad.yaml:7:" in text and "nope" in text, result
    assert "bad.yaml:8:3:" in text, result


def test_validation_as_json():
    pathlib.Path("bad.yaml").write_text("agents:\n- id: a\n")
    result = plain("--validate", "bad.yaml", "--json")
    assert result.code == 1, result
    record = json.loads(result.stdout)
    assert record["valid"] is False, record
    assert record["error_count"] == len(record["errors"]) >= 1, record
    assert record["warning_count"] == len(record["warnings"]), record
    for one in record["errors"]:
        assert {"message", "location", "suggestion"} <= set(one), one
    path = write_config(agents_config({"a": mock({"answer": "A"})}))
    record = json.loads(plain("--validate", path, "--json").stdout)
    assert record["valid"] is True and not record["errors"], record


def test_strict_validation_fails_on_warnings():
    # the key is not there: not an error as long as nothing is run
    config = {"type": "chatcompletion", "model": "gpt-4o"}
    path = write_config(agents_config({"a": {"backend": config}}))
    record = json.loads(plain("--validate", path, "--json").stdout)
    assert record["valid"] and record["warning_count"] >= 1, record
    assert plain("--validate", path).code == 0
    assert plain("--validate", path, "--strict").code == 1


def test_validation_needs_no_key():
    config = {"type": "chatcompletion", "model": "gpt-4o"}
    path = write_config(agents_config({"a": {"backend": config}}))
    result = plain("--validate", path)
    assert result.code == 0, result


def test_validation_of_a_missing_file():
    result = plain("--validate", "nowhere.yaml")
    assert result.code == 1, result
    assert "nowhere.yaml" in result.stdout + result.stderr, result


def examples():
    """The names that --list-examples prints."""
    result = plain("--list-examples")
    assert result.code == 0, result
    return [
        word
        for line in result.lines
        for word in line.split()[:1]
        if re.fullmatch(r"[\w./@-]+", word)
    ]


def test_examples_are_listed_and_printed():
    names = examples()
    assert names, "no example"
    for name in names:
        result = plain("--example", name)
        assert result.code == 0 and "agent" in result.stdout, (name, result)


def test_every_example_is_valid():
    for name in examples():
        short = name.removeprefix("@examples/")
        result = plain("--validate", f"@examples/{short}")
        assert result.code == 0, (name, result)


def test_every_example_runs_dry():
    for name in examples():
        short = name.removeprefix("@examples/")
        result = massgen.run(
            "--dry-run",
            "--orchestrator-timeout",
            "20",
            "Q",
            config=f"@examples/{short}",
        )
        wanted = 2 if name.endswith("all_fail") else 0
        assert result.code == wanted, (name, result)


def test_a_missing_example():
    result = plain("--example", "no/such/thing")
    assert result.code == 1 and result.stderr, result


def test_the_default_configuration():
    pathlib.Path(".massgen").mkdir()
    write_config(
        agents_config({"local": mock({"answer": "L"})}),
        ".massgen/config.yaml",
    )
    result = massgen.run("Q")
    assert result.winner == "local", result


def test_the_users_configuration():
    home = pathlib.Path("home")
    (home / ".config/massgen").mkdir(parents=True)
    write_config(
        agents_config({"mine": mock({"answer": "M"})}),
        str(home / ".config/massgen/config.yaml"),
    )
    result = massgen.run("Q", env={"HOME": str(home.resolve())})
    assert result.winner == "mine", result
    xdg = pathlib.Path("xdg")
    (xdg / "massgen").mkdir(parents=True)
    write_config(
        agents_config({"x": mock({"answer": "X"})}),
        str(xdg / "massgen/config.yaml"),
    )
    result = massgen.run(
        "Q",
        env={
            "HOME": str(home.resolve()),
            "XDG_CONFIG_HOME": str(xdg.resolve()),
        },
    )
    assert result.winner == "x", result


def test_a_dry_run_of_a_real_configuration():
    pathlib.Path("c.yaml").write_text(
        "agents:\n"
        "- id: a\n"
        "  backend: {type: openai, model: gpt-4o}\n"
        "- id: b\n"
        "  backend: {type: claude, model: claude-sonnet-4-5}\n"
        "dry_run:\n"
        "  a: [{answer: from the scenario, delay_ms: 5}, {vote: a}]\n"
        "  b: [{vote: a, delay_ms: 50}]\n"
    )
    result = massgen.run("--dry-run", "Q", config="c.yaml")
    assert result.code == 0 and result.winner == "a", result
    (answer,) = result.log_dir.glob("a/*/answer.txt")
    assert answer.read_text() == "from the scenario"


if __name__ == "__main__":
    harness.main()
