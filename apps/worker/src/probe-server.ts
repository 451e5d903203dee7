import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ProbeServer {
  port: number;
  close(): Promise<void>;
}

/** A process's metrics, as Prometheus reads them. */
interface Exposition {
  contentType: string;
  metrics(): Promise<string>;
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/**
 * Answers a supervisor's /livez: an event loop that turns is alive, whatever is away around it. And
 * Prometheus's /metrics: what this process has counted itself, so nobody has to be asked for it.
 */
export async function startProbeServer(
  host: string,
  port: number,
  exposition: Exposition,
): Promise<ProbeServer> {
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
