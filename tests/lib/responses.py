"""A server of the Responses API that is as strict as the real one.

It takes nothing that the API would refuse, and one thing more: what it has
said, with all that led to it, has to come back as it was, in order.
"""

import http.server
import json
import re
import sys
import threading

import llm

PARAMETERS = set(
    """model instructions input stream store include tools tool_choice
    parallel_tool_calls temperature top_p max_output_tokens reasoning text
    metadata prompt_cache_key safety_identifier service_tier truncation
    user""".split()
)
WORDS = set(
    """ok text-first two-calls unknown-tool commentary no-output cut
    filter failed-then-ok error-then-ok broken-then-ok nested flat quota
    invalid no-events whole""".split()
)
SEALED = "reasoning.encrypted_content"
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}


class Refused(Exception):
    """A request that the API would not take."""


def require(condition, message):
    """Refuse the request unless condition."""
    if not condition:
        raise Refused(message)


def words_of(model):
    """What "gpt-5+text-first" is to do."""
    name, *words = model.split("+")
    require(set(words) <= WORDS, f"The model `{model}` does not exist")
    return name, set(words)


def reasons(name):
    """Whether a model of that name reasons."""
    return name.startswith(("gpt-5", "o3", "grok-4"))


def check_tools(body):
    """Functions are flat; strict ones are not for everybody's schemas."""
    for tool in body.get("tools", []):
        if tool.get("type") in ("web_search", "code_interpreter"):
            continue
        require(tool.get("type") == "function", f"tools: {tool}")
        require(
            re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool.get("name", "")),
            f"tools: name of {tool}",
        )
        require(tool.get("strict") is False, "tools: strict by default")
        require(tool["parameters"]["type"] == "object", "tools: parameters")
    require(body.get("tools") != [], "tools: empty")
    require("tools" in body or "tool_choice" not in body, "tool_choice")


def check_calls(items):
    """Every call has one result, which stands behind it."""
    open_calls = set()
    for item in items:
        kind = item.get("type")
        if kind == "function_call":
            require(item["call_id"] not in open_calls, "Duplicate call")
            open_calls.add(item["call_id"])
        elif kind == "function_call_output":
            call = item["call_id"]
            require(call in open_calls, f"No tool call found for {call}")
            require(isinstance(item["output"], str), "output is no text")
            open_calls.remove(call)
        elif item.get("role") == "user":
            require(not open_calls, f"No tool output found for {open_calls}")
    require(not open_calls, f"No tool output found for {open_calls}")


def check_reasoning(items, name):
    """It is sealed, and what came of it stands behind it."""
    for item, follower in zip(items, items[1:] + [{}]):
        if item.get("type") != "reasoning":
            continue
        require(reasons(name), "reasoning for a model that has none")
        require(item.get("encrypted_content"), f"{item['id']} not found")
        require(
            follower.get("type") in ("reasoning", "function_call", "message")
            and follower.get("role") != "user",
            f"{item['id']} without its required following item",
        )


def check(body):
    """All that is wrong with a request."""
    name, _ = words_of(body.get("model", ""))
    unknown = set(body) - PARAMETERS
    require(not unknown, f"Unknown parameter: {unknown}")
    require(body.get("store") is False, "store")
    require(body.get("max_output_tokens", 16) >= 16, "max_output_tokens")
    require(
        body.get("include") == ([SEALED] if reasons(name) else None),
        "Encrypted content is not supported with this model.",
    )
    require(isinstance(body.get("input"), list), "input")
    check_tools(body)
    check_calls(body["input"])
    check_reasoning(body["input"], name)


def shown_agents(items):
    """The agents whose answers the conversation shows."""
    text = "\n".join(
        item.get("output") or item["content"]
        for item in items
        if item.get("role") == "user"
        or item.get("type") == "function_call_output"
    )
    return re.findall(r"\bagent[0-9]+\b", text)


class Api:
    """What is remembered from call to call."""

    def __init__(self, usages):
        self.state = threading.Condition()
        self.usages = list(usages)
        self.received = []
        self.said = {}  # the id of an item: all up to it
        self.seen = set()
        self.count = 0

    def number(self):
        """Another number for each call of this."""
        with self.state:
            self.count += 1
            return self.count

    def usage(self):
        """That of the next reply; the last one goes on."""
        with self.state:
            more = len(self.usages) > 1
            return self.usages.pop(0) if more else self.usages[0]

    def check_history(self, items):
        """What was said comes back with all that led to it."""
        for end, item in enumerate(items, 1):
            before = self.said.get(item.get("id"))
            if before is not None:
                require(
                    items[:end] == before,
                    f"what led to {item['id']} was changed: "
                    f"{items[:end]} was {before}",
                )

    def remember(self, items, output):
        """See check_history."""
        for end, item in enumerate(output, 1):
            self.said[item["id"]] = items + output[:end]

    def message(self, text, **more):
        """Something said."""
        part = {"type": "output_text", "annotations": [], "text": text}
        return {
            "id": f"msg_{self.number()}",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [part | {"logprobs": []}],
        } | more

    def call(self, name, **arguments):
        """A call of a function."""
        number = self.number()
        return {
            "id": f"fc_{number}",
            "type": "function_call",
            "status": "completed",
            "call_id": f"call_{number}",
            "name": name,
            "arguments": json.dumps(arguments),
        }

    def decide(self, body, words):
        """The items that the model's name asks for."""
        items = body["input"]
        answer = self.call(
            "new_answer", content=f"Answer {len(self.received)}: 4"
        )
        shown = shown_agents(items)
        best = min(shown) if shown else "agent1"
        vote = self.call("vote", agent_id=best, reason="It is complete.")
        asked_once = not any(i.get("type") == "function_call" for i in items)
        if not body.get("tools"):
            return [self.message("The final answer is 4.")]
        if "text-first" in words and len(items) == 1:
            return [self.message("Let me think.")]
        if "unknown-tool" in words and asked_once:
            return [self.call("lookup", what="4")]
        if "two-calls" in words and asked_once:
            return [answer, vote]
        chosen = vote if shown else answer
        if "commentary" in words:
            aside = self.message("I look at it.", phase="commentary")
            return [aside, chosen]
        return [chosen]

    def output(self, body):
        """Reasoning and what came of it."""
        name, words = words_of(body["model"])
        output = self.decide(body, words)
        if not reasons(name):
            return output
        number = self.number()
        thought = {
            "id": f"rs_{number}",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hmm."}],
            "encrypted_content": f"gAAAA/+{number}==",
        }
        return [thought, *output]


def pieces(text):
    """A text in three pieces."""
    step = max(len(text) // 3, 1)
    return [text[i : i + step] for i in range(0, len(text), step)]


def item_events(index, item):
    """The events that bring one item."""

    def event(kind, **more):
        return {"type": f"response.{kind}", "output_index": index} | more

    start = item | {"status": "in_progress"}
    if item["type"] == "reasoning":
        start = {"id": item["id"], "type": "reasoning", "summary": []}
    elif item["type"] == "message":
        start["content"] = []
    else:
        start["arguments"] = ""
    yield event("output_item.added", item=start)
    where = {"item_id": item["id"]}
    if item["type"] == "reasoning":
        yield event("reasoning_summary_part.added", summary_index=0, **where)
        for delta in pieces(item["summary"][0]["text"]):
            yield event("reasoning_summary_text.delta", delta=delta, **where)
    elif item["type"] == "message":
        for delta in pieces(item["content"][0]["text"]):
            yield event("output_text.delta", delta=delta, **where)
    else:
        for delta in pieces(item["arguments"]):
            yield event("function_call_arguments.delta", delta=delta, **where)
    yield event("output_item.done", item=item)


def events(output, words, first, usage):
    """All events of a reply."""
    error = {"code": "server_error", "message": "It broke", "param": None}
    shown = [] if "no-output" in words else output
    response = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": shown,
        "usage": usage,
    }
    if "quota" in words or "invalid" in words:
        code = "insufficient_quota" if "quota" in words else "invalid_prompt"
        error = {"code": code, "message": f"This is {code}"}
    elif {"failed-then-ok", "error-then-ok"} & words and not first:
        words = words - {"failed-then-ok", "error-then-ok"}
    yield {"type": "response.created", "response": response | {"usage": None}}
    if {"quota", "invalid", "failed-then-ok"} & words:
        response |= {"status": "failed", "error": error}
        yield {"type": "response.failed", "response": response}
        return
    if "error-then-ok" in words:
        yield {"type": "error"} | (
            {"error": error | {"type": "server_error"}}
            if "nested" in words
            else error
        )
        return
    for index, item in enumerate(output):
        if "no-events" not in words:
            yield from item_events(index, item)
    if {"cut", "filter"} & words:
        reason = "content_filter" if "filter" in words else "max_output_tokens"
        response["status"] = "incomplete"
        response["incomplete_details"] = {"reason": reason}
    yield {"type": f"response.{response['status']}", "response": response}


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Nobody reads it."""

    def send_json(self, status, value):
        """A whole answer."""
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        """What was received."""
        with self.server.api.state:
            self.send_json(200, self.server.api.received)

    def is_known(self):
        """The key, where the API of that path has it."""
        if self.path == "/openai/v1/responses":
            return (
                self.headers.get("api-key") == llm.KEY
                and "Authorization" not in self.headers
            )
        return self.headers.get("Authorization") == f"Bearer {llm.KEY}"

    def do_POST(self):
        """The API."""
        api = self.server.api
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(raw)
        entry = {"method": "POST", "path": self.path, "body": body}
        with api.state:
            first = raw not in api.seen
            api.seen.add(raw)
            api.received.append(entry)
        try:
            require(self.path.endswith("/v1/responses"), "no such page")
            require(self.is_known(), "Incorrect API key provided")
            check(body)
            api.check_history(body["input"])
        except Refused as reason:
            entry["refused"] = str(reason)
            error = {"message": str(reason), "type": "invalid_request_error"}
            self.send_json(400, {"error": error | {"code": None}})
            return
        output = api.output(body)
        _, words = words_of(body["model"])
        if "cut" in words:
            output[-1]["status"] = "incomplete"
            if "arguments" in output[-1]:
                half = len(output[-1]["arguments"]) // 2
                output[-1]["arguments"] = output[-1]["arguments"][:half]
        else:
            api.remember(body["input"], output)
        parts = events(output, words, first, api.usage())
        self.answer(list(parts), words, first)

    def answer(self, parts, words, first):
        """The events as a stream; or the last one's response."""
        if "whole" in words:
            self.send_json(200, parts[-1]["response"])
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        broken = "broken-then-ok" in words and first
        for number, part in enumerate(parts):
            if broken and number == 1:
                self.close_connection = True
                return
            part["sequence_number"] = number
            data = f"event: {part['type']}\ndata: {json.dumps(part)}\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data.encode()))
        self.wfile.write(b"0\r\n\r\n")


class HttpServer(http.server.ThreadingHTTPServer):
    """Many connections at once; clients that go away are no event."""

    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Tell what is a fault of this program."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Server:
    """The server, in a thread of the test; ends with the block."""

    def __init__(self, path="/v1", usages=(USAGE,), handler=Handler):
        self.http = HttpServer(("127.0.0.1", 0), handler)
        self.http.api = Api(usages)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}{path}"
        self.thread = threading.Thread(target=self.http.serve_forever)

    def requests(self):
        """What it was asked, in order."""
        with self.http.api.state:
            return list(self.http.api.received)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
