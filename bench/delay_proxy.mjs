// delay_proxy.mjs - a line with a long round trip: hands bytes on, each way after half of it, as many at once as come.
//
//   node bench/delay_proxy.mjs LISTEN TARGET ROUND_TRIP_MS
import net from 'node:net';

const [listen, target, roundTrip] = process.argv.slice(2).map(Number);
const WAITING = 64 << 20; // bytes on their way, for one connection and direction

function carry(from, to) {
    const line = []; // [when, bytes]: bytes null for the end
    let waiting = 0;
    let timer = null;
    const arrive = () => {
        timer = null;
        while (line.length > 0 && line[0][0] <= performance.now()) {
            const [, bytes] = line.shift();
            if (bytes === null) return void to.end();
            waiting -= bytes.length;
            to.write(bytes);
        }
        if (waiting < WAITING / 2) from.resume();
        if (line.length > 0) timer = setTimeout(arrive, Math.max(0, line[0][0] - performance.now()));
    };
    const depart = (bytes) => {
        line.push([performance.now() + roundTrip / 2, bytes]);
        if (bytes !== null && (waiting += bytes.length) > WAITING) from.pause();
        timer ??= setTimeout(arrive, roundTrip / 2);
    };
    from.on('data', depart);
    from.on('end', () => depart(null));
    from.on('error', () => to.destroy());
    from.on('close', () => { if (!from.readableEnded) to.destroy(); });
}

net.createServer({ allowHalfOpen: true, noDelay: true }, (reader) => {
    const server = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    carry(reader, server);
    carry(server, reader);
}).listen(listen, '127.0.0.1');
