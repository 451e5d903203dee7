import { Agent, createServer, request as startRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from './send.ts';

const LOOK_EVERY_MS = 200;

export interface Balancer {
  url: string;
  close(): Promise<void>;
}

/**
 * Distributes requests among the processes whose /readyz answered 200 at the last look, as usual load
 * balancers do. It repeats no request: a failure is passed on to the client.
 */
export async function startBalancer(upstreams: () => readonly string[]): Promise<Balancer> {
  const agent = new Agent({ keepAlive: true });
  let ready: string[] = [];
  let turn = 0;
  const look = async () => {
    const seen = await Promise.all(
      upstreams().map(async (url) => {
        const answer = await get(`${url}/readyz`).catch(() => undefined);
        return answer?.status === 200 ? url : undefined;
      }),
    );
    ready = seen.filter((url) => url !== undefined);
  };
  await look();
  // One look at a time: an older one that ends later would bring back a process that has left since.
  const closing = new AbortController();
  const looking = (async () => {
    const { signal } = closing;
    while (!signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await look();
    }
  })();

  // Longer than a sender pauses, so that no connection is closed at the moment of its next request.
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    const upstream = ready[turn++ % ready.length];
    const fail = () => {
      if (!response.headersSent) response.writeHead(502);
      response.end();
    };
    if (upstream === undefined) return fail();
    const { method, url = '/', headers } = incoming;
    const outgoing = startRequest(`${upstream}${url}`, { method, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { 'content-type': 'application/json' });
      answer.pipe(response);
    });
    outgoing.on('error', fail);
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      closing.abort();
      await looking;
      agent.destroy();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}
