import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ProbeServer {
  port: number;
  close(): Promise<void>;
}

/** Answers a supervisor's /livez: an event loop that turns is alive, whatever is away around it. */
export async function startProbeServer(host: string, port: number): Promise<ProbeServer> {
  const server = createServer((request, response) => {
    const isKnown = request.url?.split('?')[0] === '/livez';
    response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' });
    response.end(isKnown ? '{"status":"ok"}' : '{"status":"not_found"}');
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
