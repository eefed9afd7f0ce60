#!/usr/bin/env node
// SPDX-License-Identifier: ISC
//
// A worker for brood that answers each request with the same bytes.
//
// For a worker of your own, change the function answer().  brood-protocol(7)
// describes the protocol.  To test a worker: brood conformance -- ./worker.js
//
// This program reads with fs.readSync() and not with net.Socket, because
// net.Socket reads ahead, and a worker must not: when a worker dies, brood
// looks which requests are still in its socket, and gives those to another
// worker.  Node.js cannot receive descriptors, so a request with descriptors is
// refused.

'use strict';

const fs = require('fs');

const [HELLO, REQUEST, REPLY, ERROR, , CANCEL, GOODBYE, PING, PONG, LINK] =
	[1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const FAILED = 1, TOO_LARGE = 3, VERSION = 9, PROTOCOL = 10;
const LIMIT = 16 << 20, HEADER = 24;
if (process.env.BROOD_FD === undefined) {
	console.error('worker.js: brood starts it: brood map -- ./worker.js');
	process.exit(1);
}
const fd = Number(process.env.BROOD_FD);
delete process.env.BROOD_FD;

// The host broke the protocol: tell it why in an ERROR, and exit.
class Refusal extends Error {
	constructor(code, text) {
		super(text);
		this.code = code;
	}
}

// The host has closed its end.
class Gone extends Error {}

// Do the work.  If this throws an exception, brood reports that the request
// failed, and the worker goes on with the next.
function answer(method, data) {
	return data;
}

function send(kind, id, code, payload) {
	const header = Buffer.alloc(HEADER);
	header.writeUInt32LE(payload.length, 0);
	header.writeUInt8(kind, 4);
	header.writeBigUInt64LE(id, 8);
	header.writeUInt32LE(code, 16);
	const bytes = Buffer.concat([header, payload]);
	for (let at = 0; at < bytes.length;)
		at += fs.writeSync(fd, bytes, at);
}

// Read exactly size bytes.
function exactly(size) {
	const bytes = Buffer.alloc(size);
	for (let at = 0, n; at < size; at += n) {
		n = fs.readSync(fd, bytes, at, size - at);
		if (n === 0)
			throw new Gone();
	}
	return bytes;
}

// Receive one frame.
function receive() {
	const h = exactly(HEADER);
	const kind = h[4], length = h.readUInt32LE(0);
	const timed = h.readUInt32LE(20) !== 0 && kind !== REQUEST;
	if (kind < HELLO || kind > LINK || h[5] || h[6] || h[7] || timed)
		throw new Refusal(PROTOCOL, 'not a frame for this worker');
	if (length > LIMIT)
		throw new Refusal(TOO_LARGE, 'the payload is over the limit');
	return { kind, id: h.readBigUInt64LE(8), code: h.readUInt32LE(16),
		payload: exactly(length) };
}

// Tell the host that this worker is ready, and check the host's HELLO.
function say_hello() {
	const hello = Buffer.from('BROD\x01\0\0\0\0\0\0\0\0\0\0\0worker.js');
	hello.writeUInt32LE(LIMIT, 12);
	send(HELLO, 0n, 0, hello);
	const { kind, payload } = receive();
	if (kind !== HELLO || payload.length < 16 ||
	    payload.toString('latin1', 0, 4) !== 'BROD')
		throw new Refusal(PROTOCOL, 'the first frame was not a HELLO');
	if (payload.readUInt32LE(4) !== 1)
		throw new Refusal(VERSION, 'this side speaks version 1');
}

// Answer one request.
function run({ id, code, payload }) {
	let reply;
	try {
		reply = answer(code, payload);
	} catch (error) {
		send(ERROR, id, FAILED, Buffer.from(String(error)));
		return;
	}
	send(REPLY, id, 0, reply);
}

// Answer requests until the host says GOODBYE.
function serve() {
	say_hello();
	for (;;) {
		const frame = receive();
		if (frame.kind === REQUEST)
			run(frame);
		else if (frame.kind === PING)
			send(PONG, frame.id, 0, frame.payload);
		else if (frame.kind === GOODBYE)
			return;
		else if (frame.kind !== CANCEL)
			throw new Refusal(PROTOCOL, 'no frame for a worker');
	}
}

try {
	serve();
} catch (error) {
	if (error instanceof Refusal) {
		send(ERROR, 0n, error.code, Buffer.from(error.message));
		process.exitCode = 1;
	} else if (!(error instanceof Gone) && error.code !== 'EPIPE' &&
	    error.code !== 'ECONNRESET')
		throw error;
}
