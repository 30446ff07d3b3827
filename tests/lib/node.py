"""The node that runs what comes from npm."""

import pathlib
import shutil

TESTS = pathlib.Path(__file__).resolve().parent.parent


def program():
    """The pinned one; where npm has none for this machine, the machine's."""
    pinned = TESTS / "node_modules" / ".bin" / "node"
    return str(pinned) if pinned.exists() else shutil.which("node")
