import { connect } from 'node:net';

export interface RawAnswer {
  /** Of the first answer. Null if the connection was closed without one. */
  status: number | null;
  /** All received bytes. */
  text: string;
  ms: number;
}

const GIVE_UP_MS = 5_000;

/**
 * Writes bytes to a port and reads until the server closes the connection. With `ends` the client closes
 * its side after the bytes.
 */
export function sendBytes(url: string, bytes: Buffer, { ends = false } = {}): Promise<RawAnswer> {
  const startedAt = performance.now();
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.setTimeout(GIVE_UP_MS, () => socket.destroy(new Error('the connection stays open')));
    socket.on('data', (chunk) => chunks.push(chunk));
    // The server may close the connection before all bytes are written.
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
