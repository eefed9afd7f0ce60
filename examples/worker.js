#!/usr/bin/env node
// SPDX-License-Identifier: ISC
//
// A brood worker: answers each request with its own bytes.
//
// The protocol is in brood-protocol(7).  Try: brood conformance -- ./worker.js
// To make it your own, change answer().
//
// The socket is read by fs.readSync(), not by net.Socket: that one reads ahead,
// which a worker must not.  It cannot receive descriptors either; the kernel
// drops those, and a request that announces some is refused.

'use strict';

const fs = require('fs');

const [HELLO, REQUEST, REPLY, ERROR, , CANCEL, GOODBYE, PING, PONG, LINK] =
	[1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const FAILED = 1, TOO_LARGE = 3, VERSION = 9, PROTOCOL = 10;
const LIMIT = 16 << 20, HEADER = 24;
const fd = Number(process.env.BROOD_FD);
delete process.env.BROOD_FD;

class Refusal extends Error {
	constructor(code, text) {
		super(text);
		this.code = code;
	}
}

class Gone extends Error {}

// The work.  An exception fails this request and no other.
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

function exactly(size) {
	const bytes = Buffer.alloc(size);
	for (let at = 0, n; at < size; at += n) {
		n = fs.readSync(fd, bytes, at, size - at);
		if (n === 0)
			throw new Gone();
	}
	return bytes;
}

function receive() {
	const h = exactly(HEADER);
	const kind = h[4], length = h.readUInt32LE(0);
	const timed = h.readUInt32LE(20) !== 0 && kind !== REQUEST;
	if (kind < HELLO || kind > LINK || h[5] || h[6] || h[7] || timed)
		throw new Refusal(PROTOCOL, 'not a frame that this worker takes');
	if (length > LIMIT)
		throw new Refusal(TOO_LARGE, 'the payload is over the limit');
	return { kind, id: h.readBigUInt64LE(8), code: h.readUInt32LE(16),
		payload: exactly(length) };
}

function greet() {
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

function serve() {
	greet();
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
