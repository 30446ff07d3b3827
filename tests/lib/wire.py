"""Whole runs of agents of one kind, whose models are one server's."""

import urllib.parse

import llm
import massgen
import node
from massgen import ONE_TRY, agents_config


def model_of(request):
    """The model that a request asks; one API has it in the path."""
    if request["body"] and "model" in request["body"]:
        return request["body"]["model"]
    path = urllib.parse.unquote(request["path"])
    return path.partition("/models/")[2].partition(":")[0]


def assert_usage(result, requests, reasoning=5):
    """The run has used what the servers say of each of these requests."""
    total = result.status["results"]["usage"]
    calls = len(requests)
    assert total["call_count"] == calls, (total, calls)
    assert total["input_tokens"] == 100 * calls, total
    assert total["cached_input_tokens"] == 40 * calls, total
    assert total["output_tokens"] == 20 * calls, total
    assert total["reasoning_tokens"] == reasoning * calls, total


class Wire:
    """A kind of agents with its server, a good model and its key's names."""

    def __init__(self, kind, server, good, *variables):
        self.kind = kind
        self.server = server
        self.good = good
        self.env = dict.fromkeys(variables, llm.KEY)

    def run(
        self, server, kind=None, seconds=40, top=None, params=None, **models
    ):
        """A run of {id: model name}."""
        more = {"kind": kind or self.kind} | (params or {})
        config = agents_config(
            {i: llm.agent(server, m, **more) for i, m in models.items()},
            **(top or {}),
        )
        result = massgen.run(
            "What is it?", config=config, env=self.env, seconds=seconds
        )
        assert not llm.files_with(result.log_dir, llm.KEY), result
        assert llm.KEY not in result.stdout + result.stderr
        return result

    def works(self, model, ids="ab", **options):
        """A run of such models ends well; returns it and the requests.

        Of two the slower one may have one refusal more, for what the faster
        one has done: a model that has used up its own is asked alone.
        """
        with self.server() as server:
            models = dict.fromkeys(ids, model)
            result = self.run(server, **models, **options)
            requests = server.requests()
        assert result.code == 0, result
        for agent in result.status["agents"].values():
            assert agent["status"] in ("voted", "completed"), result
            assert agent["error"] is None, result
            assert agent["attempts"] == 1, result
        return result, requests

    def fails(self, model, *words, top=ONE_TRY, **options):
        """A run of such a model and a good one: only the first suffers.

        Returns it and the requests without those for the good one.
        """
        with self.server() as server:
            result = self.run(
                server, bad=model, good=self.good, top=top, **options
            )
            requests = server.requests()
        assert result.code == 0 and result.winner == "good", result
        bad = result.status["agents"]["bad"]
        assert bad["status"] in ("error", "timeout"), result
        message = bad["error"]["message"]
        for word in words:
            assert word in message, f"{word!r} not in {message!r}"
        assert result.status["coordination"]["quorum"]["failed"] == 1, result
        return result, [r for r in requests if model_of(r) != self.good]

    def works_with_aimock(self):
        """A run against a server of somebody else; returns its journal."""
        with node.aimock() as server:
            url = server.at(self.server.BASE)
            result = self.run(url, alpha="alpha", beta="beta")
            journal = server.get("/__aimock/journal")
        assert result.code == 0, result
        assert b"said by aimock" in result.answer, result
        for agent in result.status["agents"].values():
            assert agent["error"] is None, result
        assert journal, "no request came"
        for entry in journal:
            assert entry["response"]["status"] == 200, entry
        return journal
