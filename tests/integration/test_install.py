#!/usr/bin/python3
"""make install and uninstall."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402


def make(build, *words):
    """In the source tree, as from a shell that is in no other make."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    subprocess.run(
        ["make", "-s", "-C", harness.ROOT, f"B={build}", *map(str, words)],
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def files(root):
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def test_all_that_is_installed_is_uninstalled():
    root = pathlib.Path("root").resolve()
    places = [f"DESTDIR={root}", "MANDIR=/usr/man"]
    build = os.path.relpath(harness.BUILD, harness.ROOT)
    make(build, "install", *places)
    installed = files(root)
    wanted = {
        "usr/local/bin/massgen",
        "usr/local/libexec/massgen/agent-worker",
        "usr/local/libexec/massgen/confine",
        "usr/local/share/massgen/configs/prices.yaml",
        "usr/local/share/bash-completion/completions/massgen",
    } | {
        f"usr/man/man{page.suffix[1:]}/{page.name}"
        for page in (harness.ROOT / "man").iterdir()
    }
    assert wanted <= installed, wanted - installed
    make(build, "uninstall", *places)
    assert not files(root), files(root)


def test_another_prefix_is_another_program():
    build = pathlib.Path("b").resolve()
    program = build / "obj/supervisor/environment.o"
    for prefix in ("/first", "/second"):
        make(build, f"PREFIX={prefix}", program)
        assert f"{prefix}/libexec/massgen\0".encode() in program.read_bytes()
    before = program.stat().st_mtime_ns
    make(build, "PREFIX=/second", program)
    assert program.stat().st_mtime_ns == before


if __name__ == "__main__":
    harness.main()
