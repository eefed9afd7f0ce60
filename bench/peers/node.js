// SPDX-License-Identifier: ISC
//
// node: a child process over its IPC channel.
//
//	node node.js call | depth [-q]
//
// child_process.fork(), process.send() and its "message" event, with strings of
// 64 characters.  The figures are printed as the C programs do it: see
// measure.h.
'use strict';

const { fork } = require('child_process');

const PERCENT = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99];

function serve() {
	process.on('message', (data) => process.send(data));
}

// Keep so many messages open for so long, then give the times and the rate.
function exchange(child, depth, seconds) {
	const now = () => process.hrtime.bigint();
	const begin = now();
	const end = begin + BigInt(Math.round(seconds * 1e9));
	const message = (n) => String(n).padStart(64, '.');
	const times = [];
	let nSent = 0, nDone = 0, sentAt;

	return new Promise((resolve) => {
		const send = () => {
			while (nSent - nDone < depth &&
			    (nSent === 0 || now() < end)) {
				sentAt = now();
				child.send(message(nSent++));
			}
		};
		const take = (data) => {
			if (data !== message(nDone++))
				throw new Error('a wrong answer');
			if (depth === 1)
				times.push(Number(now() - sentAt));
			send();
			if (nDone < nSent)
				return;
			child.off('message', take);
			resolve({
				times,
				rate: nDone * 1e9 / Number(now() - begin),
			});
		};
		child.on('message', take);
		send();
	});
}

async function main(question, seconds) {
	const child = fork(__filename, ['serve']);

	// The child takes long to start.
	await exchange(child, 1, 0.01);
	if (question === 'call') {
		const { times } = await exchange(child, 1, 2 * seconds);
		times.sort((a, b) => a - b);
		for (const percent of PERCENT) {
			const at = Math.floor(times.length * percent / 100);
			console.log(`call.p${percent} ${times[at]} ns`);
		}
	} else if (question === 'depth') {
		for (const depth of [1, 4, 16, 64, 256]) {
			const { rate } = await exchange(child, depth, seconds);
			console.log(`depth.${depth} ${Math.round(rate)} ` +
			    'calls/s');
		}
	} else {
		console.error('usage: node.js call | depth');
		process.exitCode = 2;
	}
	child.disconnect();
}

if (process.argv[2] === 'serve')
	serve();
else
	main(process.argv[2], process.argv.includes('-q') ? 0.1 : 0.5);
