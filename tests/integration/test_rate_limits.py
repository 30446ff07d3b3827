#!/usr/bin/python3
"""What a provider says is left of its limits, and who waits for more."""

import datetime
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import responses  # noqa: E402
from massgen import agents_config  # noqa: E402

ENV = {"OPENAI_API_KEY": llm.KEY}
EARLY = 0.01  # clocks are read in whole milliseconds


def openai_form(seconds):
    """Nothing is left for so long, as OpenAI and its like say it."""
    return {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{int(seconds * 1000)}ms",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }


def anthropic_form(seconds):
    """The same, as Anthropic says it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    at = now + datetime.timedelta(seconds=seconds)
    return {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": at.isoformat(),
        "anthropic-ratelimit-tokens-remaining": "9000",
        "anthropic-ratelimit-tokens-reset": "2999-01-01T00:00:00Z",
    }


class Handler(responses.Handler):
    """A server with limits: see Server."""

    def end_headers(self):
        """Whatever the server says of its limits."""
        for name, value in self.server.limit.headers(self.nth).items():
            self.send_header(name, value)
        super().end_headers()
        self.server.limit.said(self.nth)

    def do_POST(self):
        """As the limit wants it."""
        self.nth = self.server.limit.arrived()
        if self.server.limit.refuses(self.nth):
            self.rfile.read(int(self.headers["Content-Length"]))
            error = {"message": "Slow down", "type": "requests"}
            self.send_json(429, {"error": error | {"code": None}})
        else:
            super().do_POST()


class Limit:
    """Nothing is limited; the times at which requests arrived."""

    def __init__(self):
        self.state = threading.Condition()
        self.times = []
        self.said_at = None

    def arrived(self):
        """Another request; its number, from 0 on."""
        with self.state:
            self.times.append(time.monotonic())
            self.state.notify_all()
            return len(self.times) - 1

    def headers(self, nth):
        """What is said with the reply to that request."""
        return {}

    def said(self, nth):
        """It was."""
        if nth == 0:
            self.said_at = time.monotonic()

    def refuses(self, nth):
        """Whether that request is one too many."""
        return False


def run(limit, *names, **top):
    """A run of agents at one server that has such a limit."""
    with responses.Server(handler=Handler) as server:
        server.http.limit = limit
        config = agents_config(
            {i: llm.agent(server, "gpt-4o", kind="openai") for i in names},
            **top,
        )
        result = massgen.run("How many are 2 + 2?", config=config, env=ENV)
    assert result.code == 0, result
    for agent in result.status["agents"].values():
        assert agent["error"] is None, result
        assert agent["attempts"] == 1, result
    return result


class Shared(Limit):
    """Two calls are under way when the first is told that it was the last."""

    SECONDS = 2

    def headers(self, nth):
        """Only the first is told."""
        with self.state:
            self.state.wait_for(lambda: len(self.times) >= 2)
        if nth == 1:
            # the other one hears of it before its own call is over
            time.sleep(self.SECONDS * 0.75)
        return openai_form(self.SECONDS) if nth == 0 else {}


def test_nobody_asks_a_provider_that_has_nothing_left():
    limit = Shared()
    result = run(limit, "a", "b")
    again = limit.times[2:]
    assert len(again) >= 2, (limit.times, result)
    waited = [at - limit.said_at for at in again]
    assert min(waited) >= Shared.SECONDS - EARLY, (waited, result)


class TooMany(Limit):
    """The first request is one too many; no header says when to come back."""

    SECONDS = 1.5

    def __init__(self, form):
        super().__init__()
        self.form = form

    def headers(self, nth):
        """But for what is left."""
        return self.form(self.SECONDS) if nth == 0 else {}

    def refuses(self, nth):
        """The first."""
        return nth == 0


def test_a_refused_call_waits_until_there_is_more():
    for form in (openai_form, anthropic_form):
        limit = TooMany(form)
        result = run(limit, "a")
        waited = limit.times[1] - limit.times[0]
        assert waited >= TooMany.SECONDS - EARLY, (form, waited, result)


class Hours(Limit):
    """Every reply says that nothing is left for hours."""

    def headers(self, nth):
        """Always."""
        return openai_form(9 * 3600)


def test_a_wait_that_the_turn_has_no_time_for_is_not_begun():
    result = run(
        Hours(),
        "a",
        "b",
        timeout_settings={
            "agent_timeout_seconds": 20,
            "orchestrator_timeout_seconds": 25,
        },
    )
    assert "has nothing left" in (result.log_dir / "massgen.log").read_text()


if __name__ == "__main__":
    harness.main()
