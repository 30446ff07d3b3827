/*
 * A server of Chat Completions over HTTP/2, on node's own implementation:
 * http2-llm.cjs PEM [goaway] serves on 127.0.0.1 with the certificate and key
 * in PEM, and nothing but HTTP/2, until its standard input ends.  It prints
 * "PORT n" first and at the end what it saw, as JSON: a list of connections,
 * each {protocol, models, authorized}, models being that of each request.
 *
 * A model answers, votes when it is shown an answer, and presents when it is
 * offered no tools.  With goaway a connection takes one request only.
 */
"use strict";

const fs = require("node:fs");
const http2 = require("node:http2");

const pem = fs.readFileSync(process.argv[2], "utf8");
const goaway = process.argv[3] === "goaway";
const connections = new Map();

function decide(body) {
	const shown = JSON.stringify(body.messages).match(/<agent[0-9]+>/);

	if (!body.tools)
		return { content: "The final answer, over HTTP/2." };
	const [name, args] = shown
		? ["vote", { agent_id: shown[0].slice(1, -1), reason: "Good." }]
		: ["new_answer", { content: `Answer of ${body.model}.` }];
	return {
		tool_calls: [{
			index: 0, id: "call_1", type: "function",
			function: { name, arguments: JSON.stringify(args) },
		}],
	};
}

function chunk(delta, more) {
	const choice = { index: 0, delta, finish_reason: null, ...more };

	return `data: ${JSON.stringify({ choices: [choice] })}\n\n`;
}

function answer(stream, body) {
	const said = decide(body);
	const why = said.tool_calls ? "tool_calls" : "stop";
	const usage = { prompt_tokens: 10, completion_tokens: 2 };

	stream.respond({ ":status": 200, "content-type": "text/event-stream" });
	stream.write(chunk({ role: "assistant", content: "" }));
	setImmediate(() => {
		stream.write(chunk(said));
		stream.write(chunk({}, { finish_reason: why }));
		stream.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`);
		stream.end("data: [DONE]\n\n");
	});
}

const server = http2.createSecureServer({ key: pem, cert: pem });

server.on("session", (session) => {
	connections.set(session, {
		protocol: session.alpnProtocol, models: [], authorized: true,
	});
});

server.on("stream", (stream, headers) => {
	const seen = connections.get(stream.session);
	let text = "";

	stream.setEncoding("utf8");
	stream.on("data", (piece) => { text += piece; });
	stream.on("end", () => {
		const body = JSON.parse(text);

		seen.models.push(body.model);
		seen.authorized &&= /^Bearer ./.test(headers.authorization);
		answer(stream, body);
		if (goaway)
			stream.session.close();
	});
	stream.on("error", () => {});
});

server.listen(0, "127.0.0.1", () => {
	process.stdout.write(`PORT ${server.address().port}\n`);
});

process.stdin.on("end", () => {
	const list = JSON.stringify([...connections.values()]);

	process.stdout.write(list, () => process.exit(0));
}).resume();
