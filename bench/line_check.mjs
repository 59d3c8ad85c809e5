// line_check.mjs - what a line gives: rates of packets with their headers in both directions, and the round trip of a handshake.
//
//   node bench/line_check.mjs serve PORT                tells "ready", runs until it is ended
//   node bench/line_check.mjs measure ADDRESS PORT      {down, up} in Mbit/s, {roundTripMs}
import net from 'node:net';

const SECONDS = 2.5;
const SETTLED_S = 1; // the window opens, the queue fills
const TRIPS = 9;
const HEADERS = 1500 / 1448; // of IP and TCP with its usual options
const block = Buffer.alloc(65536);
const [what, where, port] = process.argv.slice(2);

/* Bytes of a connection as they come: [ms, bytes so far]. */
function rate(socket) {
    return new Promise((resolve, reject) => {
        const begin = performance.now();
        let bytes = 0, from = null;
        socket.on('data', (data) => {
            const seconds = (performance.now() - begin) / 1000;
            if (from === null && seconds >= SETTLED_S) from = [seconds, bytes + data.length];
            bytes += data.length;
            if (seconds < SECONDS) return;
            resolve(((bytes - from[1]) * 8 * HEADERS) / (seconds - from[0]) / 1e6);
            socket.destroy();
        });
        socket.on('error', reject);
    });
}

function pour(socket) {
    const more = () => { while (socket.writable && socket.write(block)); };
    socket.on('drain', more);
    socket.on('error', () => {});
    more();
}

/* The first byte says which way: D down, U up (the rate comes back when it is known, on the next connection, R). */
function serve() {
    let last = 0;
    net.createServer((socket) => {
        socket.once('data', async (first) => {
            const way = String.fromCharCode(first[0]);
            socket.on('error', () => {});
            if (way === 'D') pour(socket);
            else if (way === 'U') last = await rate(socket).catch(() => 0);
            else socket.end(String(last));
        });
    }).listen(Number(where), () => console.log('ready'));
}

const connect = (way) => new Promise((resolve, reject) => {
    const begin = performance.now();
    const socket = net.connect(Number(port), where, () => { socket.tookMs = performance.now() - begin; socket.write(way); resolve(socket); });
    socket.on('error', reject);
});

async function measure() {
    const trips = [];
    for (let i = 0; i < TRIPS; i++) {
        const socket = await connect('R');
        trips.push(socket.tookMs);
        socket.destroy();
    }
    const down = await rate(await connect('D'));
    const sending = await connect('U');
    pour(sending);
    await new Promise((resolve) => { sending.on('close', resolve); });
    const asked = await connect('R');
    const up = Number(await new Promise((resolve) => { asked.once('data', resolve); }));
    asked.destroy();
    console.log(JSON.stringify({ down, up, roundTripMs: trips.sort((a, b) => a - b)[TRIPS >> 1] }));
}

if (what === 'serve') serve();
else await measure();
