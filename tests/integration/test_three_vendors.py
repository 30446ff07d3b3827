#!/usr/bin/python3
"""OpenAI, Claude and Gemini in one run, and what it costs to the last digit."""

import contextlib
import json
import pathlib
import sys
from decimal import Decimal

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "lib"))
import harness  # noqa: E402
import llm  # noqa: E402
import massgen  # noqa: E402
import responses  # noqa: E402
from massgen import agents_config  # noqa: E402

KEYS = {"OPENAI_API_KEY": llm.KEY, "ANTHROPIC_API_KEY": llm.KEY,
        "GOOGLE_API_KEY": llm.KEY}

# Each vendor's words for three calls: a plain one, one of which a part came
# from the cache and was thought, and one that is long.  Behind each what it
# costs, calculated by hand from configs/prices.yaml, in US dollars.

# gpt-5.4: 2.50 in, 0.25 cached, 15 out; over 272,000 tokens 5, 0.50, 22.50
OPENAI = [
    # 1,200 * 2.50 + 300 * 15 = 3,000 + 4,500
    ((1200, 0, 300, 0), "0.007500"),
    # 1,024 of 1,501 cached: 477 * 2.50 + 1,024 * 0.25 + 707 * 15
    # = 1,192.5 + 256 + 10,605; what it thought is in the 707
    ((1501, 1024, 707, 640), "0.0120535"),
    # 100,000 of 300,001 cached: 200,001 * 5 + 100,000 * 0.50 + 11 * 22.50
    # = 1,000,005 + 50,000 + 247.5
    ((300001, 100000, 11, 0), "1.0502525"),
]

# claude-sonnet-4-5: 3 in, 0.30 cached, 3.75 written to the cache, 15 out; over
# 200,000 tokens 6, 0.60, 22.50, and 7.50 written.  "input" is without the
# cache, but what is long is all that was read.
CLAUDE = [
    # 900 * 3 + 100 * 15 = 2,700 + 1,500
    ((900, 0, 0, 100), "0.004200"),
    # 7 * 3 + 2,000 * 3.75 + 5,000 * 0.30 + 401 * 15
    # = 21 + 7,500 + 1,500 + 6,015
    ((7, 2000, 5000, 401), "0.015036"),
    # 1 + 80,000 + 120,000 are over 200,000:
    # 1 * 6 + 80,000 * 7.50 + 120,000 * 0.60 + 33 * 22.50
    # = 6 + 600,000 + 72,000 + 742.5
    ((1, 80000, 120000, 33), "0.6727485"),
]

# gemini-2.5-pro: 1.25 in, 0.125 cached, 10 out; over 200,000 2.50, 0.25, 15.
# What a tool of its own read is more input, what it thought more output.
GEMINI = [
    # 800 * 1.25 + 60 * 10 = 1,000 + 600
    ((800, 0, 0, 60, 0), "0.001600"),
    # (3,000 + 501 - 2,048) * 1.25 + 2,048 * 0.125 + (90 + 910) * 10
    # = 1,816.25 + 256 + 10,000
    ((3000, 2048, 501, 90, 910), "0.01207225"),
    # 200,000 + 1 are over 200,000: 200,001 * 2.50 + (20 + 3) * 15
    # = 500,002.5 + 345
    ((200000, 0, 1, 20, 3), "0.5003475"),
]


def openai_usage(read, cached, written, thought):
    """As the Responses API says it."""
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": read + written,
    }


def claude_usage(read, to_cache, from_cache, written):
    """As the Messages API says it."""
    return {
        "input_tokens": read,
        "cache_creation_input_tokens": to_cache,
        "cache_read_input_tokens": from_cache,
        "output_tokens": written,
    }


def gemini_usage(read, cached, by_tools, written, thought):
    """As the Gemini API says it."""
    return {
        "promptTokenCount": read,
        "cachedContentTokenCount": cached,
        "toolUsePromptTokenCount": by_tools,
        "candidatesTokenCount": written,
        "thoughtsTokenCount": thought,
    }


def usages(form, table, first):
    """The usage of one call after the other, beginning at some row."""
    turned = table[first:] + table[:first]
    # more than any agent makes calls
    return [form(*numbers) for numbers, _ in turned * 10]


def costs(table, first, calls):
    """What so many calls cost, exactly."""
    return [Decimal(table[(first + n) % 3][1]) for n in range(calls)]


def servers(stack, first):
    """A server of each vendor; {id: (server, agent)}."""
    found = {
        "openai": (
            responses.Server(usages=usages(openai_usage, OPENAI, first)),
            "gpt-5.4",
        ),
        "claude": (
            llm.Claude(json.dumps(usages(claude_usage, CLAUDE, first))),
            "claude-sonnet-4-5",
        ),
        "gemini": (
            llm.Gemini(json.dumps(usages(gemini_usage, GEMINI, first))),
            "gemini-2.5-pro",
        ),
    }
    for server, _ in found.values():
        stack.enter_context(server)
    return found


def run(first):
    """A whole run of three vendors, and what each of them was asked."""
    with contextlib.ExitStack() as stack:
        found = servers(stack, first)
        config = agents_config(
            {
                name: llm.agent(server, model, kind=name)
                for name, (server, model) in found.items()
            }
        )
        result = massgen.run("What is it?", config=config, env=KEYS)
        asked = {
            name: len(server.requests()) for name, (server, _) in found.items()
        }
    assert result.code == 0, result
    assert not llm.files_with(result.log_dir, llm.KEY), result
    return result, asked


def exact(number):
    """What a number of a JSON file stands for: 15 digits are exact."""
    return Decimal(f"{number:.15g}")


def check_costs(result, asked, first):
    """Every call, agent and the whole, against the hand calculation."""
    tables = {"openai": OPENAI, "claude": CLAUDE, "gemini": GEMINI}
    total = Decimal(0)
    for name, agent in result.status["agents"].items():
        right = costs(tables[name], first, asked[name])
        said = [
            exact(event["cost"])
            for event in result.events
            if event["type"] == "usage" and event["agent"] == name
        ]
        assert said == right, (name, said, right)
        usage = agent["usage"]
        assert usage["call_count"] == asked[name], (usage, asked)
        assert exact(usage["estimated_cost"]) == sum(right), (usage, right)
        assert usage["unpriced_calls"] == 0, usage
        total += sum(right)
    results = result.status["results"]
    assert exact(results["estimated_cost"]) == total, (results, total)
    assert exact(results["usage"]["estimated_cost"]) == total, results


def test_three_vendors_vote_and_finish():
    for first in range(3):
        result, asked = run(first)
        status = result.status
        # with what an agent has seen when it votes the number of calls varies
        assert all(calls >= 1 for calls in asked.values()), asked
        assert sum(asked.values()) >= 5, asked
        assert status["coordination"]["quorum"] == {
            "expected": 3,
            "answered": sum(
                agent["answer_count"] > 0
                for agent in status["agents"].values()
            ),
            "voted": 3,
            "failed": 0,
            "degraded": False,
        }, status
        assert sum(status["results"]["votes"].values()) == 3, status
        for agent in status["agents"].values():
            assert agent["error"] is None, result
            assert agent["attempts"] == 1, result
        assert {
            name: agent["model"] for name, agent in status["agents"].items()
        } == {
            "openai": "gpt-5.4",
            "claude": "claude-sonnet-4-5",
            "gemini": "gemini-2.5-pro",
        }, status
        assert result.answer.startswith(b"The final answer"), result
        check_costs(result, asked, first)


if __name__ == "__main__":
    harness.main()
