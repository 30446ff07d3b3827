"""Programs that serve on a port of the loopback, which they print first."""

import json
import subprocess
import urllib.request


class Program:
    """Such a program; ends with the block that started it."""

    def __init__(self, *command, stderr=None):
        self.process = subprocess.Popen(
            command,
            bufsize=0,  # communicate() would miss what is in a buffer
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        self.output = None
        self.port = None
        said = b""
        while self.port is None:
            line = self.process.stdout.readline()
            said += line
            assert line, f"{command} did not start: {said.decode()}"
            if line.startswith(b"PORT "):
                self.port = int(line.split()[1])

    def at(self, path):
        """The URL of one of its pages."""
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path):
        """A JSON page."""
        with urllib.request.urlopen(self.at(path), timeout=20) as reply:
            return json.load(reply)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            output, _ = self.process.communicate(timeout=20)
        finally:
            self.process.kill()
            self.process.wait()
        self.output = output.decode()
