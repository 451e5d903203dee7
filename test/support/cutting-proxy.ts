import { connect, createServer, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

// A Bolt message of its own: two bytes of length, a structure without fields, COMMIT, the end.
const COMMIT = Buffer.from([0x00, 0x02, 0xb0, 0x12, 0x00, 0x00]);

export interface CuttingProxy {
  uri: string;
  /** Cuts the next so many connections between a commit and its acknowledgement. */
  loseAcknowledgements(count: number): void;
  lost(): number;
  close(): Promise<void>;
}

/** A way to a Neo4j that loses what the server says of a commit which it has done. */
export async function startCuttingProxy(uri: string): Promise<CuttingProxy> {
  const target = Number(new URL(uri).port);
  const port = await freePort();
  const sockets = new Set<Socket>();
  let toLose = 0;
  let lost = 0;

  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: target });
    let swallows = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (toLose > 0 && bytes.includes(COMMIT)) {
        toLose -= 1;
        swallows = true;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!swallows) return void client.write(bytes);
      lost += 1;
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    uri: `bolt://127.0.0.1:${port}`,
    loseAcknowledgements(count) {
      toLose = count;
    },
    lost: () => lost,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
