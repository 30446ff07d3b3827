#!/usr/bin/python3
"""Which model is asked: plans, presentations, what takes a failed one's
place; and a provider's limit that all who ask it share."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
from massgen import ONE_TRY, agents_config  # noqa: E402


def backend(server, model, **more):
    return {"backend": {
        "type": "chatcompletion", "model": model, "base_url": server.url,
        "api_key": llm.KEY} | more}


def models_asked(server):
    return [request["body"]["model"] for request in server.requests()]


def run(agents, **top):
    return massgen.run("Q", config=agents_config(agents, **(ONE_TRY | top)))


def test_each_kind_of_call_has_its_model():
    with llm.Server() as server:
        result = run({"a": backend(server, "ok", planning_call=True,
                                   model_profile={
                                       "planning": "ok+whole-call",
                                       "synthesis": "ok+no-usage",
                                       "default": "ok"})})
        assert result.code == 0, result
        asked = models_asked(server)
        assert asked[0] == "ok+whole-call", asked
        assert asked[-1] == "ok+no-usage", asked
        assert set(asked[1:-1]) == {"ok"}, asked
        agent = result.status["agents"]["a"]
        assert agent["model_profile"]["planning"] == "ok+whole-call", agent
        bodies = [request["body"] for request in server.requests()]
        assert "tools" not in bodies[0], bodies[0]
        assert "YOUR PLAN" in bodies[1]["messages"][1]["content"], bodies[1]


def test_a_plan_that_fails_does_not_stop_the_turn():
    with llm.Server() as server:
        result = run({"a": backend(server, "ok", planning_call=True,
                                   model_profile={"planning": "400",
                                                  "default": "ok"})})
        assert result.code == 0, result
        assert models_asked(server)[:2] == ["400", "ok"]


def test_another_model_takes_the_place_of_one_that_failed():
    with llm.Server() as server:
        result = run({"a": backend(server, "404",
                                   fallback_models=["400", "ok"])})
        assert result.code == 0, result
        assert models_asked(server)[:4] == ["404", "400", "ok", "ok"]
        assert result.status["agents"]["a"]["model"] == "ok"


def test_no_other_model_is_asked_with_a_refused_key():
    with llm.Server() as server:
        result = run({"a": backend(server, "401", fallback_models=["ok"])})
        assert result.code == 2, result
        assert models_asked(server) == ["401"]


def test_a_limit_holds_for_all_who_ask_the_provider():
    with llm.Server() as server:
        result = run({
            "a": backend(server, "429-then-ok+retry-after=1"),
            "b": backend(server, "delay-100"),
        })
        assert result.code == 0, result
        events = result.events
        asked = [0.0] + [
            e["at_ms"] / 1000 for e in events if e["type"] == "activity"
            and e["agent"] == "b" and e["activity"] == "waiting_model"]
        # b's first call may be under way; some call of it comes after a's
        # pause of a second, where nothing else takes it that long
        assert any(after - before > 0.9
                   for before, after in zip(asked, asked[1:])), asked


if __name__ == "__main__":
    harness.main()
