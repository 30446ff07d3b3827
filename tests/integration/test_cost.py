#!/usr/bin/python3
"""What runs cost, what has no price, and limits that are never passed."""

import concurrent.futures
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
from massgen import ONE_TRY, agents_config, mock  # noqa: E402

ENV = {"GROQ_API_KEY": llm.KEY}
# of the fake server's 100 tokens in, 40 of them cached, and 20 out:
# 60 * 3 + 40 * 0.3 + 20 * 15 = 492 millionths of a dollar
PRICE = {"input": 3, "cached": 0.3, "output": 15}
CALL = 0.000492
OUTPUT = 8192 * 15 / 1e6  # what is set aside for the output of a call
RUNS = 100 if harness.SANITIZED else 1000  # sanitizers are slow
MEMORY = pathlib.Path("/dev/shm")


def run(server, *arguments, kind="groq", params=None, **options):
    """A run of the fake server's models, {id: model name}, and more keys."""
    models = options.pop("models", {"a": "ok"})
    config = agents_config(
        {
            i: llm.agent(server, model, kind=kind, **(params or {}))
            for i, model in models.items()
        },
        **options,
    )
    return massgen.run(
        *arguments, "What is it?", config=config, env=ENV, seconds=40
    )


def sum_up(numbers):
    """As the program does, in order; sum() is more exact than that."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def assert_adds_up(status):
    """The run's cost is that of its agents, to the last digit."""
    results = status["results"]
    total = sum_up(
        agent["usage"]["estimated_cost"] for agent in status["agents"].values()
    )
    assert results["estimated_cost"] == total, results
    assert results["usage"]["estimated_cost"] == total, results
    assert results["usage"]["unpriced_calls"] == sum(
        agent["usage"]["unpriced_calls"] for agent in status["agents"].values()
    ), results


def costs_of(result):
    """What the journal says of each call."""
    return [e["cost"] for e in result.events if e["type"] == "usage"]


# --- random runs ---


def random_cost(dice):
    """Of any size, many without an end in binary."""
    return dice.choice(
        [0, 0.1, 0.2, 0.3, 0.7, dice.random(), round(dice.random(), 2),
         dice.random() / 1000, 0.25]
    )  # fmt: skip


def random_step(dice, ids, number):
    """One act of a random agent."""
    step = dice.choice(
        [
            {"answer": f"An answer that is unlike the others: {number}"},
            {"answer": f"Another one, of its own kind: {number}"},
            {"vote": dice.choice(ids)},
            {"vote": dice.choice(ids), "late": True},
            {"say": "hm"},
            {"say": "well"},
            {"error": "it broke"},
            {"fault": dice.choice(["exit", "crash", "half_line"])},
            {"present": "That is it."},
        ]
    )
    step["cost"] = random_cost(dice)
    if dice.random() < 0.3:
        step["delay_ms"] = dice.randrange(20)
    return step


def random_run(seed):
    """A configuration with its limits."""
    dice = random.Random(seed)
    ids = [f"x{n}" for n in range(dice.randint(1, 8))]
    agents = {
        i: mock(
            *(random_step(dice, ids, f"{i} {n}") for n in range(
                dice.randrange(12)
            ))
        )
        for i in ids
    }
    limits = {"run": None, "agents": {}}
    orchestrator = {"max_restarts_per_agent": dice.randrange(3)}
    if dice.random() < 0.9:
        limits["run"] = dice.choice([0.3, 1, 0.7, dice.random() * 5 + 1e-6])
        orchestrator["max_cost_usd"] = limits["run"]
    for i in ids:
        if dice.random() < 0.3:
            limits["agents"][i] = dice.random() * 2 + 1e-6
            agents[i]["backend"]["max_cost_usd"] = limits["agents"][i]
    return agents_config(agents, orchestrator=orchestrator), limits


def run_random(seed):
    """One such run; what is wrong with it, or None; and how it went."""
    config, limits = random_run(seed)
    path = massgen.write_config(config, f"{seed}.yaml")
    # a run ends with a sync, and a thousand of them wait for nothing else
    where = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="massgen-", dir=where) as root:
        return run_in(pathlib.Path(root), seed, path, limits)


def run_in(root, seed, path, limits):
    """As run_random()."""
    command = [massgen.MASSGEN, "--automation", "--config", path, "--log-root",
               root, *(["--dry-run"] if seed % 4 == 0 else []), "Q"]
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=40,
        check=False,
        env=massgen.environment(),
        text=True,
    )
    (log_dir,) = root.iterdir()
    status = json.loads((log_dir / "status.json").read_text())
    try:
        assert done.returncode in (0, 2), done.stdout
        return None, check_random(log_dir, status, limits)
    except AssertionError as error:
        return f"seed {seed}: {error}\n{done.stdout}", None


def check_random(log_dir, status, limits):
    """No sum is over its limit at any time; why the run ended."""
    assert_adds_up(status)
    costs = {i: 0.0 for i in status["agents"]}
    stopped = None
    for line in (log_dir / "events.ndjson").read_text().splitlines():
        event = json.loads(line)
        if event["type"] == "stopping":
            stopped = event["kind"]
        if event["type"] != "usage":
            continue
        assert event["priced"] is True, event
        costs[event["agent"]] += event["cost"]
        if limits["run"] is not None:
            assert sum_up(costs.values()) <= limits["run"], (event, limits)
        if (limit := limits["agents"].get(event["agent"])) is not None:
            assert costs[event["agent"]] <= limit, (event, limits)
    shown = {
        i: agent["usage"]["estimated_cost"]
        for i, agent in status["agents"].items()
    }
    assert shown == costs, (shown, costs)
    return stopped


@harness.limit(300)
def test_no_limit_is_ever_passed():
    count = int(os.environ.get("MASSGEN_TEST_RUNS", RUNS))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        done = list(pool.map(run_random, range(count)))
    wrong = [problem for problem, _ in done if problem]
    assert not wrong, "\n".join(wrong[:3])
    stops = [stop for _, stop in done]
    for kind in ("cost", "consensus", "ended"):
        assert stops.count(kind) >= count / 50, {
            stop: stops.count(stop) for stop in set(stops)
        }


# --- limits in words ---


def test_a_run_over_its_limit_ends_with_the_best_answer():
    config = agents_config(
        {
            "a": mock({"answer": "A", "cost": 0.4}, {"say": "", "cost": 0.7}),
            "b": mock({"fault": "hang"}),
        }
    )
    result = massgen.run("--max-cost", "1", "Q", config=config)
    assert result.code == 0 and result.winner == "a", result
    assert result.values("Warning") == [
        "the cost limit of 1 USD allows no other call"
    ], result
    assert result.answer == b"A", result
    assert result.status["results"]["estimated_cost"] == 0.4, result


def test_a_run_over_its_limit_without_an_answer_fails():
    config = agents_config({"a": mock({"answer": "A", "cost": 1.5})})
    result = massgen.run("--max-cost", "1", "Q", config=config)
    assert result.code == 2, result
    assert result.value("Error") == (
        "the cost limit of 1 USD was reached before any answer"
    ), result


def test_an_agent_over_its_limit_ends_alone():
    config = agents_config(
        {
            "a": mock({"answer": "A"}, {"vote": "a", "delay_ms": 50}),
            "b": mock({"answer": "B", "cost": 0.4}, {"say": "", "cost": 0.4}),
        }
    )
    config["agents"][1]["backend"]["max_cost_usd"] = 0.5
    result = massgen.run("Q", config=config)
    assert result.code == 0, result
    b = result.status["agents"]["b"]
    assert b["status"] == "error" and b["attempts"] == 1, b
    assert b["error"]["type"] == "cost", b
    assert b["usage"]["estimated_cost"] == 0.4, b


def test_a_limit_is_not_reached_by_what_comes_to_it_exactly():
    config = agents_config({"a": mock({"answer": "A", "cost": 0.75},
                                      {"vote": "a", "cost": 0.25})})
    result = massgen.run("--max-cost", "1", "Q", config=config)
    assert result.status["results"]["estimated_cost"] == 1, result
    assert result.code == 0 and not result.values("Warning"), result


# --- models and their prices ---


def test_costs_are_those_of_the_price():
    with llm.Server() as server:
        result = run(
            server, models={"a": "ok", "b": "ok"}, prices={"ok": PRICE}
        )
        calls = len(server.requests())
    assert result.code == 0 and not result.values("Warning"), result
    assert costs_of(result) == [CALL] * calls, costs_of(result)
    assert_adds_up(result.status)
    for agent in result.status["agents"].values():
        usage = agent["usage"]
        assert usage["unpriced_calls"] == 0, usage
        assert usage["estimated_cost"] == sum_up(
            [CALL] * usage["call_count"]
        ), usage
    assert result.status["results"]["unpriced_models"] == [], result


def test_a_long_input_costs_its_own_price():
    long = {"threshold": 99, "input": 6, "cached": 0.6, "output": 20}
    with llm.Server() as server:
        result = run(server, prices={"ok": PRICE | {"long_context": long}})
        # 60 * 6 + 40 * 0.6 + 20 * 20 = 784
        assert set(costs_of(result)) == {0.000784}, costs_of(result)
        long["threshold"] = 100
        result = run(server, prices={"ok": PRICE | {"long_context": [long]}})
        assert set(costs_of(result)) == {CALL}, costs_of(result)


def test_a_model_without_a_price_is_not_free():
    with llm.Server() as server:
        result = run(server, models={"a": "ok", "b": "ok"})
    assert result.code == 0, result
    assert result.values("Warning") == [
        "model ok has no price: its calls are not in the costs"
    ], result
    results = result.status["results"]
    assert results["unpriced_models"] == ["ok"], results
    usage = results["usage"]
    assert usage["unpriced_calls"] == usage["call_count"] > 0, usage
    assert usage["estimated_cost"] == 0, usage
    assert results["winner_reason"].count("cost=unpriced") == 1, results
    assert_adds_up(result.status)


def test_what_costs_nothing_known_loses_against_what_is_known():
    with llm.Server() as server:
        result = run(
            server,
            models={"dear": "ok+delay-200", "unknown": "ok+delay-201"},
            prices={"ok+delay-200": {"input": 1e4, "output": 1e4}},
        )
    results = result.status["results"]
    if len(results["votes"]) == 2:
        assert results["winner"] == "dear", results
    assert results["unpriced_models"] == ["ok+delay-201"], results


def test_a_server_of_ones_own_needs_no_price():
    with llm.Server() as server:
        result = run(server, kind="vllm")
        assert result.code == 0 and not result.values("Warning"), result
        results = result.status["results"]
        assert results["unpriced_models"] == ["ok"], results
        result = run(server, kind="vllm", prices={"ok": PRICE})
        assert set(costs_of(result)) == {CALL}, result
        assert result.status["results"]["unpriced_models"] == [], result


def test_a_call_that_was_refused_used_nothing():
    with llm.Server() as server:
        result = run(server, models={"a": "401", "b": "ok"},
                     prices={"ok": PRICE})
    usage = result.status["agents"]["a"]["usage"]
    assert usage["call_count"] == 1, usage
    assert usage["estimated_cost"] == usage["unpriced_calls"] == 0, usage
    assert result.status["results"]["unpriced_models"] == [], result


def test_usage_that_is_not_told_is_not_free():
    with llm.Server() as server:
        result = run(server, models={"a": "no-usage"},
                     prices={"no-usage": PRICE})
    assert result.code == 0, result
    assert result.status["results"]["unpriced_models"] == ["no-usage"], result
    usage = result.status["results"]["usage"]
    assert usage["unpriced_calls"] == usage["call_count"] > 0, usage
    assert len(result.values("Warning")) == 1, result


# --- the table ---


def test_the_users_own_prices_come_first():
    home = pathlib.Path("xdg/massgen")
    home.mkdir(parents=True)
    own = home / "prices.yaml"
    own.write_text("prices: {ok: {input: 1, output: 1}}\n")
    env = ENV | {"XDG_CONFIG_HOME": str(home.parent.absolute())}

    def cost(server, **prices):
        config = agents_config({"a": llm.agent(server, "ok")}, **prices)
        result = massgen.run("Q", config=config, env=env)
        (one,) = set(costs_of(result))
        return one

    with llm.Server() as server:
        assert cost(server) == 0.00012
        assert cost(server, prices={"ok": PRICE}) == CALL
        assert cost(server, prices={"groq/ok": PRICE}) == CALL
        assert cost(server, prices={"vllm/ok": PRICE}) == 0.00012
        pathlib.Path("more.yaml").write_text(
            "prices: {ok: {input: 0, output: 0}}\n"
        )
        assert cost(server, prices="more.yaml") == 0
        own.unlink()
        assert cost(server, prices="more.yaml") == 0


def error_of(config, **files):
    """What --validate says about it, with prices of the user's own."""
    for name, text in files.items():
        path = pathlib.Path("xdg/massgen" if name == "prices" else ".")
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{name}.yaml").write_text(text)
    env = ENV | {"XDG_CONFIG_HOME": str(pathlib.Path("xdg").absolute())}
    path = massgen.write_config(config)
    result = massgen.plain("--validate", path, env=env)
    assert result.code == 1, result
    return result.stdout.splitlines()[0]


def test_errors_of_the_table_have_their_place():
    config = agents_config({"a": llm.agent("http://127.0.0.1:9/v1", "ok")})
    for text, place, words in (
        ("prices: [1]", "1:9", "'prices' must be a dictionary, got list"),
        ("price: {}", "1:1", "Table of prices missing 'prices'"),
        ("[]", "1:1", "A table of prices must be a dictionary"),
        ("prices: {m: 3}", "1:13", "Price 'm' must be a dictionary, got int"),
        ("prices: {m: {input: 1}}", "1:13", "Price missing 'output'"),
        (
            "prices:\n  m: {input: -1, output: 2}",
            "2:14",
            "Price 'input' must be a number of US dollars per million "
            "tokens, from 0 to 10000, got -1",
        ),
        (
            "prices: {m: {input: 1, output: 2, cache: 3}}",
            "1:35",
            'unknown key "cache"',
        ),
        (
            "prices: {m: {input: 1, output: 2, long_context: {input: 1}}}",
            "1:49",
            "long_context missing 'threshold'",
        ),
        (
            "prices:\n  m: {input: 1, output: 2, long_context: ["
            + "{threshold: 1, input: 1, output: 1}, " * 8 + "]}",
            "2:42",
            "at most 7 entries",
        ),
        ("prices: {m: {input: 1", "2:1", "did not find expected"),
    ):  # fmt: skip
        line = error_of(config, prices=text)
        assert line.startswith(str(pathlib.Path("xdg").absolute())), line
        assert f"prices.yaml:{place}" in line and words in line, (text, line)


def test_errors_of_a_table_in_the_configuration():
    pathlib.Path("xdg").mkdir()
    config = agents_config({"a": llm.agent("http://127.0.0.1:9/v1", "ok")})
    line = error_of(config | {"prices": "none.yaml"})
    assert "File of prices not found: none.yaml" in line, line
    assert line.startswith("config.yaml:"), line
    line = error_of(config | {"prices": 3})
    assert "must be a dictionary or the name of a file, got int" in line, line
    line = error_of(config | {"prices": {"m": {"input": "x", "output": 1}}})
    assert "'input' must be a number of US dollars" in line, line
    line = error_of(config | {"prices": "bad.yaml"}, bad="prices: {m: {}}\n")
    assert line.startswith("bad.yaml:1:13: Price missing 'input'"), line


# --- numbers that nobody believes ---

BOASTER = """#!/usr/bin/python3
import json, sys

def say(**message):
    print(json.dumps(message), flush=True)

say(type="hello", version=1, name="boaster")
turns = 0
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] != "turn":
        continue
    turns += 1
    for _ in range(3):
        say(type="usage", turn=m["turn"], input_tokens=2**63 - 1,
            output_tokens=2**63 - 1, reasoning_tokens=-5, cost=1.5e308)
    if turns == 2:
        say(type="vote", turn=m["turn"], agent="agent1", seen=m["seen"])
    else:
        say(type="answer", turn=m["turn"], text="hello", seen=m["seen"])
"""


def test_what_is_said_to_be_used_stays_a_number():
    worker = pathlib.Path("boaster").absolute()
    worker.write_text(BOASTER)
    worker.chmod(0o755)
    program = {"type": "command", "command": ["/bin/true"]}
    model = {"type": "groq", "model": "m"}
    for backend, prices in (
        (program, {"command": {"input": 0, "output": 0}}),
        (model, {"m": {"input": 10000, "output": 15}}),
    ):
        config = agents_config({"a": {"backend": backend}}, prices=prices)
        result = massgen.run("Q", config=config, env=ENV, worker=worker)
        assert result.code == 0, result
        costs = costs_of(result)
        assert len(costs) >= 6 and set(costs) == {1e9}, costs
        usage = result.status["results"]["usage"]
        assert usage["input_tokens"] == len(costs) * 10**15, usage
        assert usage["total_tokens"] == 2 * len(costs) * 10**15, usage
        assert usage["reasoning_tokens"] == 0, usage
        assert usage["estimated_cost"] == len(costs) * 1e9, usage
        massgen.assert_replays(result.log_dir)
        for path in result.log_dir.rglob("*.json"):
            json.loads(path.read_text())


# --- real limits ---


def test_a_limit_needs_a_price():
    config = agents_config(
        {"a": llm.agent("http://127.0.0.1:9/v1", "new-model")},
        orchestrator={"max_cost_usd": 1},
    )
    text = "model 'new-model' has no price, so the cost limit cannot be kept"
    result = massgen.run("Q", config=config, env=ENV)
    assert result.code == 1 and text in result.value("Error"), result
    assert '{"new-model": {input: N, output: N}}' in result.stderr + str(
        massgen.plain("--validate", "config.yaml", env=ENV)
    ), result
    config["orchestrator"] = {}
    result = massgen.run("--max-cost", "1", "Q", config=config, env=ENV)
    assert result.code == 1 and text in result.value("Error"), result
    config["agents"][0]["backend"]["max_cost_usd"] = 1
    result = massgen.run("Q", config=config, env=ENV)
    assert result.code == 1 and text in result.value("Error"), result
    assert massgen.run("--dry-run", "Q", config=config).code == 0


def test_a_limit_needs_one_for_every_model_of_an_agent():
    agent = llm.agent("http://127.0.0.1:9/v1", "ok")
    agent["backend"]["model_profile"] = {"synthesis": "dear", "default": "ok"}
    config = agents_config(
        {"a": agent}, orchestrator={"max_cost_usd": 1}, prices={"ok": PRICE}
    )
    result = massgen.run("Q", config=config, env=ENV)
    assert "model 'dear' has no price" in result.value("Error"), result


def test_a_limit_refuses_what_changes_prices():
    for params in (
        {"models": ["other"]},
        {"plugins": [{"id": "web"}]},
        {"service_tier": "priority"},
        {"extra_body": {"models": ["other"]}},
    ):
        config = agents_config(
            {"a": llm.agent("http://127.0.0.1:9/v1", "ok", **params)},
            prices={"ok": PRICE},
        )
        result = massgen.run("--max-cost", "1", "Q", config=config, env=ENV)
        assert result.code == 1, (params, result)
        assert "cost limit cannot be kept" in result.value("Error"), result


def test_a_request_under_a_limit_is_bounded():
    with llm.Server() as server:
        run(server, "--max-cost", "5", prices={"ok": PRICE})
        run(server, "--max-cost", "5", prices={"ok": PRICE},
            params={"max_tokens": 77})
        run(server, prices={"ok": PRICE})
        limits = [r["body"].get("max_tokens") for r in server.requests()]
    assert set(limits) == {8192, 77, None}, limits
    assert limits == sorted(limits, key=[8192, 77, None].index), limits


def test_without_a_bound_no_call_is_made():
    with llm.Server() as server:
        result = run(server, "--max-cost", "5", prices={"ok": PRICE},
                     params={"extra_body": {"max_tokens": None}})
        assert not server.requests(), result
    assert result.code == 2, result
    assert result.status["agents"]["a"]["error"]["type"] == "cost", result


def test_what_is_reserved_is_given_back():
    """Each call may cost more than half of the limit; each costs little."""
    with llm.Server() as server:
        result = run(
            server,
            "--max-cost",
            str(OUTPUT * 1.9),
            models={i: "ok+delay-50" for i in "abcde"},
            prices={"ok+delay-50": PRICE},
        )
        calls = len(server.requests())
    assert result.code == 0 and not result.values("Warning"), result
    assert calls >= 10, calls
    assert result.status["coordination"]["quorum"]["failed"] == 0, result
    assert_adds_up(result.status)


def cut_twice(agents, model):
    """A run of such agents, which is over after two replies that are cut."""
    limit = OUTPUT * 2.9
    with llm.Server() as server:
        result = run(
            server,
            "--max-cost",
            str(limit),
            models=dict.fromkeys(agents, model),
            prices={model: PRICE},
            **ONE_TRY,
        )
        calls = len(server.requests())
    assert calls == 2, (calls, result)
    cost = result.status["results"]["estimated_cost"]
    assert 2 * OUTPUT < cost <= limit, (cost, limit)
    assert_adds_up(result.status)
    return result


def test_a_reply_that_is_cut_counts_with_all_that_was_reserved():
    result = cut_twice("a", "cut")
    assert result.code == 2, result
    assert "cost limit" in result.value("Error"), result
    assert result.status["results"]["unpriced_models"] == [], result


def test_calls_side_by_side_share_the_limit():
    cut_twice("abcdef", "delay-100+cut")


def test_an_agent_stopped_in_a_reply_has_spent_it():
    for limit, least, unpriced in ((["--max-cost", "1"], OUTPUT, 0),
                                   ([], 0, 1)):
        with llm.Server() as server:
            result = run(
                server,
                *limit,
                models={"a": "stall-body", "b": "ok"},
                prices={"stall-body": PRICE, "ok": PRICE},
                timeout_settings={"agent_timeout_seconds": 1},
                **ONE_TRY,
            )
        assert result.code == 0 and result.winner == "b", result
        usage = result.status["agents"]["a"]["usage"]
        assert usage["call_count"] == 1, usage
        assert usage["estimated_cost"] >= least, usage
        assert usage["unpriced_calls"] == unpriced, usage
        assert_adds_up(result.status)


def test_a_call_before_whose_reply_it_broke_is_given_back():
    with llm.Server() as server:
        result = run(
            server,
            "--max-cost",
            str(OUTPUT * 1.5),
            models={"a": "500-then-ok"},
            prices={"500-then-ok": PRICE},
        )
    assert result.code == 0, result
    assert 0 in costs_of(result), costs_of(result)
    assert set(costs_of(result)) == {0, CALL}, costs_of(result)


if __name__ == "__main__":
    harness.main()
