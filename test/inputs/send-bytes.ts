import { connect } from 'node:net';

export interface RawAnswer {
  /** Of the first answer; null where the connection was closed without one. */
  status: number | null;
  /** All that came back. */
  text: string;
  ms: number;
}

const GIVE_UP_MS = 5_000;

/**
 * Writes bytes to a port and reads until the other side hangs up. Whoever `ends` first says that there
 * is nothing more to come.
 */
export function sendBytes(url: string, bytes: Buffer, { ends = false } = {}): Promise<RawAnswer> {
  const startedAt = performance.now();
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.setTimeout(GIVE_UP_MS, () => socket.destroy(new Error('the connection stays open')));
    socket.on('data', (chunk) => chunks.push(chunk));
    // The other side may hang up while it is still being written to.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString('latin1');
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
      resolve({
        status: status === undefined ? null : Number(status),
        text,
        ms: performance.now() - startedAt,
      });
    });
    socket.write(bytes);
    if (ends) socket.end();
  });
}
