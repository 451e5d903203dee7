// A server that is a millisecond away: requests arrive that much later.
import { connect, createServer } from 'node:net';
import { settings, withParent } from './with-parent.mjs';

const { hostname, port } = new URL(settings.targetUrl);

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ host: hostname, port: Number(port), noDelay: true });
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ]) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
  client.on('data', (bytes) => setTimeout(() => upstream.write(bytes), settings.delayMs));
  upstream.on('data', (bytes) => client.write(bytes));
});
server.listen(0, '127.0.0.1', () => withParent({ port: server.address().port }));
