"""Servers that stand in for a model's provider."""

import hashlib
import os
import pathlib
import socket

import loopback

BIN = pathlib.Path(__file__).resolve().parent.parent / "bin"
KEY = "sk-test-0123456789-abcdefghij"


class Server(loopback.Program):
    """tests/bin/fake-llm, which speaks like OpenAI's chat completions."""

    PROGRAM = "fake-llm"
    BASE = "/v1"

    def __init__(self, *arguments):
        super().__init__(BIN / self.PROGRAM, *arguments)
        self.url = self.at(self.BASE)

    def requests(self, wait=0):
        """What it was asked, in order."""
        return [
            entry
            for entry in self.get(f"/requests?wait={wait}")
            if entry["method"] == "POST"
        ]


class Claude(Server):
    """tests/bin/fake-claude; it does not wait for requests."""

    PROGRAM = "fake-claude"


class Gemini(Server):
    """tests/bin/fake-gemini; likewise."""

    PROGRAM = "fake-gemini"
    BASE = "/v1beta"


def agent(server, model, kind="groq", **backend):
    """An agent whose model is the server's."""
    url = server if isinstance(server, str) else server.url
    return {
        "backend": {"type": kind, "model": model, "base_url": url} | backend
    }


def key_sum():
    """What the server records of our key."""
    return hashlib.sha256(f"Bearer {KEY}".encode()).hexdigest()


def closed_port():
    """A port of the loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def files_with(directory, secret):
    """The files below directory in which the secret stands."""
    return [
        str(path)
        for path in directory.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


def silent_server():
    """A socket that listens and never accepts; the caller closes it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    os.set_inheritable(listener.fileno(), False)
    return listener
