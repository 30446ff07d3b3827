"""Servers that stand in for a model's provider."""

import contextlib
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import urllib.request

FAKE_LLM = pathlib.Path(__file__).resolve().parent.parent / "bin" / "fake-llm"
KEY = "sk-test-0123456789-abcdefghij"


class Server:
    """tests/bin/fake-llm; ends with the block that started it."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [FAKE_LLM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("PORT "), line
        self.port = int(line.split()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def requests(self, wait=0):
        """What it was asked, in order."""
        url = f"http://127.0.0.1:{self.port}/requests?wait={wait}"
        with urllib.request.urlopen(url, timeout=20) as reply:
            return [
                entry
                for entry in json.load(reply)
                if entry["method"] == "POST"
            ]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


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
