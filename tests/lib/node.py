"""What comes from npm, and the node that runs it."""

import pathlib
import shutil
import subprocess

import loopback

TESTS = pathlib.Path(__file__).resolve().parent.parent
MODULES = TESTS / "node_modules"
FIXTURES = TESTS / "fixtures"


def program():
    """The pinned one; where npm has none for this machine, the machine's."""
    pinned = MODULES / ".bin" / "node"
    return str(pinned) if pinned.exists() else shutil.which("node")


def module(name):
    """The path of what npm has installed under that name."""
    path = MODULES / name
    assert program() and path.exists(), (
        f"{name} is not installed: run `npm ci` in {TESTS} (needs node)"
    )
    return path.resolve()


class Server(loopback.Program):
    """A program from npm that serves; it gets a free port of the loopback."""

    def __init__(self, name, *arguments):
        script = module(f".bin/{name}")
        super().__init__(
            program(),
            "--require",
            TESTS / "lib" / "loopback.cjs",
            script,
            *arguments,
            stderr=subprocess.STDOUT,
        )
        self.url = self.at("/v1")


def aimock():
    """aimock with its fixtures; a request that fits none is refused."""
    return Server(
        "llmock",
        "--fixtures",
        str(FIXTURES / "aimock.json"),
        "--strict",
        "--validate-on-load",
    )
