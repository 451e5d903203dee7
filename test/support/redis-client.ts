import { connect, type Socket } from 'node:net';
import { waitFor } from './wait-for.ts';

export type RedisValue = string | number | null | RedisValue[] | RedisError;

class RedisError extends Error {}

interface Parsed {
  value: RedisValue;
  next: number;
}

/** Reads one RESP2 value from `at`. Undefined while it is incomplete. */
function parse(data: Buffer, at: number): Parsed | undefined {
  const lineEnd = data.indexOf('\r\n', at);
  if (lineEnd < 0) return undefined;
  const line = data.toString('latin1', at + 1, lineEnd);
  const next = lineEnd + 2;
  switch (String.fromCharCode(data[at] ?? 0)) {
    case '+':
      return { value: line, next };
    case '-':
      return { value: new RedisError(line), next };
    case ':':
      return { value: Number(line), next };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, next };
      if (data.length < next + length + 2) return undefined;
      return { value: data.toString('utf8', next, next + length), next: next + length + 2 };
    }
    case '*':
      return parseList(data, next, Number(line));
    default:
      throw new Error(`not RESP: ${line}`);
  }
}

function parseList(data: Buffer, from: number, length: number): Parsed | undefined {
  const value: RedisValue[] = [];
  let next = from;
  while (value.length < length) {
    const item = parse(data, next);
    if (item === undefined) return undefined;
    value.push(item.value);
    next = item.next;
  }
  return { value: length < 0 ? null : value, next };
}

type Arg = string | number | Buffer;

function encode(args: readonly Arg[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
  });
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}

export type Redis = (...args: Arg[]) => Promise<RedisValue>;

/** Commands are answered in their order, so that many may be sent before the first answer. */
function commandsOver(socket: Socket): Redis {
  const waiting: { resolve(value: RedisValue): void; reject(error: Error): void }[] = [];
  let chunks: Buffer[] = [];
  const settleAll = (data: Buffer) => {
    let at = 0;
    for (let reply = parse(data, at); reply !== undefined; reply = parse(data, at)) {
      at = reply.next;
      const one = waiting.shift();
      if (reply.value instanceof RedisError) one?.reject(reply.value);
      else one?.resolve(reply.value);
    }
    chunks = at < data.length ? [data.subarray(at)] : [];
  };
  const closed = () => new Error('Redis closed the connection');
  const end = (error: Error) => {
    for (const one of waiting.splice(0)) one.reject(error);
  };
  socket
    .on('data', (chunk) => {
      chunks.push(chunk);
      // Every answer ends with a line break. Without this check a long one would be parsed again with each part.
      if (chunk.at(-1) === 0x0a) settleAll(Buffer.concat(chunks));
    })
    .on('error', end)
    .on('close', () => end(closed()));
  return (...args) =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(closed());
      waiting.push({ resolve, reject });
      socket.write(encode(args));
    });
}

/** A plain connection for the tests' own commands. */
export async function withRedis<T>(
  redisUrl: string,
  use: (redis: Redis) => Promise<T>,
): Promise<T> {
  const { hostname, port, pathname } = new URL(redisUrl);
  const socket = connect({ host: hostname, port: Number(port || 6379) });
  const database = Number(pathname.slice(1) || 0);
  const redis = commandsOver(socket);
  try {
    if (database !== 0) await redis('SELECT', database);
    return await use(redis);
  } finally {
    socket.destroy();
  }
}

/** Rewrites the append-only file: deleted values are then gone from the disk. */
export function rewriteAof(redisUrl: string): Promise<void> {
  return withRedis(redisUrl, async (redis) => {
    await redis('BGREWRITEAOF');
    const isDone = async () =>
      /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/.test(
        String(await redis('INFO', 'persistence')),
      );
    await waitFor('the rewrite', isDone);
  });
}
