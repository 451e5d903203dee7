import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A process's metrics in the text format of Prometheus. */
export interface Exposition {
  contentType: string;
  metrics(): Promise<string>;
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/**
 * GET /livez and GET /metrics for a process that serves nothing else over HTTP. It uses node:http alone,
 * because loading Fastify would slow down the start of such a process. A process whose event loop turns is alive,
 * also while its dependencies are away.
 */
export async function startProbeServer(
  host: string,
  port: number,
  exposition: Exposition,
): Promise<{ port: number; close(): Promise<void> }> {
  const answer = async ({ url }: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = url?.split('?')[0];
    if (path === '/livez') return answerJson(response, 200, { status: 'ok' });
    if (path !== '/metrics') return answerJson(response, 404, { status: 'not_found' });
    const text = await exposition.metrics();
    response.writeHead(200, { 'content-type': exposition.contentType });
    response.end(text);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => answerJson(response, 500, { status: 'failed' }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
