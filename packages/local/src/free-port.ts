import { createServer } from 'node:net';

// Below the range that systems give to outgoing connections, one of which could otherwise take
// the port between the look and the use.
const FIRST = 15_000;
const COUNT = 16_000;
const ATTEMPTS = 50;

/** The preferred port when nothing listens on it, else another one of the loopback interface. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await portIsFree(preferred))) return preferred;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await portIsFree(port)) return port;
  }
  throw new Error('found no free port');
}

/** Whether a server could listen there now; throws where the host itself is the fault. */
export function portIsFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
