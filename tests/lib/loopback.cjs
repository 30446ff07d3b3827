/*
 * For node --require: whatever port a server asks for, it gets a free one on
 * 127.0.0.1 and says "PORT n"; the end of standard input ends it.
 */
"use strict";

const net = require("node:net");
const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (...args) {
	const ready = args.find((arg) => typeof arg === "function");

	this.once("listening", () => {
		process.stdout.write(`PORT ${this.address().port}\n`);
	});
	return listen.call(this, { port: 0, host: "127.0.0.1" }, ready);
};

process.stdin.on("end", () => process.exit(0)).resume();
