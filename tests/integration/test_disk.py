#!/usr/bin/python3
"""A disk that is full or may not be written: said, and no answer lost."""

import array
import fcntl
import os
import pathlib
import sys
import termios

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import mounts  # noqa: E402
from harness import wait_until  # noqa: E402
from massgen import (  # noqa: E402
    agents_config,
    assert_clean,
    mock,
    run,
    start,
)

BIG = agents_config(
    {
        "a": mock({"answer_bytes": 3_000_000}, {"vote": "a"}),
        "b": mock({"vote": "a", "delay_ms": 100}),
    }
)


def here():
    """An environment in which rescued answers stay in the test's directory."""
    os.makedirs("rescued", exist_ok=True)
    return {"TMPDIR": os.path.abspath("rescued")}


def small_disk(size):
    """A private disk at ./disk, with logs to go there."""
    mounts.private()
    mounts.tmpfs("disk", size)
    return ["--log-root", "disk/logs"]


def test_an_answer_that_does_not_fit_is_not_lost_silently():
    result = run(*small_disk("1m"), "Q", config=BIG, full=True, env=here())
    assert result.code == 2, result
    error = result.value("Error")
    assert "space" in error or "disk" in error, result


def test_every_size_of_disk():
    mounts.private()
    config = agents_config(
        {
            "a": mock({"answer": "x" * 3000}, {"vote": "a"}),
            "b": mock({"answer": "y" * 3000, "delay_ms": 30},
                      {"vote": "a", "delay_ms": 30}),
        }
    )
    codes = {}
    for kib in (8, 16, 32, 48, 64, 96, 128, 192, 256, 1024):
        disk = f"disk{kib}"
        mounts.tmpfs(disk, f"{kib}k")
        result = run(
            "--log-root",
            f"{disk}/logs",
            "Q",
            config=config,
            full=True,
            env=here(),
        )
        codes[kib] = result.code
        assert result.code in (0, 2), result
        if result.code == 0:
            assert len(result.answer) >= 3000, result
    assert codes[1024] == 0, codes
    assert codes[8] == 2, codes


def test_a_rescued_answer_is_where_the_error_says():
    flags = small_disk("64k")
    config = agents_config(
        {"a": mock({"answer": "keep me " * 900}, {"vote": "a"}),
         "b": mock({"vote": "a", "delay_ms": 900})}
    )
    going = start(*flags, "Q", config=config, env=here())
    going.wait_status(
        lambda s: s["agents"]["a"]["answer_count"] == 1, "an answer"
    )
    with open("disk/filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"f" * 512):
                pass
        except OSError:
            pass
    result = going.wait()
    assert_clean(result, full=True)
    assert result.code == 2, result
    error = result.value("Error")
    places = [word.rstrip(".,;") for word in error.split()]
    kept = [
        pathlib.Path(word)
        for word in places
        if os.path.isabs(word) and os.path.isfile(word)
    ]
    texts = [path.read_text() for path in kept] + [result.stderr]
    assert any("keep me keep me" in text for text in texts), result


def read_only_run(directory, log_root):
    """A run that would log in there, and may not."""
    mounts.private()
    os.mkdir(directory)
    mounts.read_only(directory)
    result = run("--dry-run", "--log-root", log_root, "Q")
    assert result.code == 2, result
    return result


def test_a_read_only_log_root():
    result = read_only_run("logs", "logs")
    assert "Read-only" in result.value("Error"), result


def test_a_log_root_without_permission():
    result = read_only_run("ro", "ro/deep/logs")
    assert result.lines[0].startswith("LOG_DIR: /"), result


def test_a_read_only_home():
    mounts.private()
    os.makedirs("home/.config")
    mounts.read_only("home")
    result = run(
        "--dry-run", "Q", env={"HOME": os.path.abspath("home")}
    )
    assert result.code == 0, result


def test_an_output_file_on_a_full_disk():
    mounts.private()
    mounts.tmpfs("disk", "16k")
    pathlib.Path("disk/out.txt").write_text("old")
    config = agents_config({"a": mock({"answer": "z" * 50_000})})
    result = run("-o", "disk/out.txt", "Q", config=config)
    assert result.code == 2, result
    assert "disk/out.txt" in result.value("Error"), result
    assert pathlib.Path("disk/out.txt").read_text() == "old"
    assert os.listdir("disk") == ["out.txt"]


def test_an_output_that_is_no_plain_file_is_not_replaced():
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    result = run("--dry-run", "-o", "pipe", "Q")
    assert pathlib.Path("pipe").is_fifo(), "the FIFO was replaced"
    os.close(reader)
    assert result.code in (0, 1, 2), result


def test_an_output_whose_reader_is_slow_gets_all():
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    config = agents_config({"a": mock({"answer_bytes": 300_000})})
    going = start("-o", "pipe", "Q", config=config)
    there = array.array("i", [0])

    def is_full():
        fcntl.ioctl(reader, termios.FIONREAD, there)
        return there[0] >= 65536

    wait_until(is_full, "a full pipe")
    os.set_blocking(reader, True)
    with open(reader, "rb") as output:
        assert len(output.read()) == 300_000
    result = going.wait()
    assert_clean(result)
    assert result.code == 0, result


if __name__ == "__main__":
    harness.main()
