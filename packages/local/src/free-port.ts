import { createServer } from 'node:net';

// Below the range of outgoing connections, one of which could otherwise take the port before the server does.
const FIRST = 15_000;
const COUNT = 16_000;
const ATTEMPTS = 50;

/** Returns the preferred port if it is free, otherwise another one of the loopback interface. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await portIsFree(preferred))) return preferred;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await portIsFree(port)) return port;
  }
  throw new Error('found no free port');
}

/** Whether a server could listen on the port now. Throws if the host is the problem. */
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
