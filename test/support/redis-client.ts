import { connect, type Socket } from 'node:net';
import { waitFor } from './wait-for.ts';

export type RedisValue = string | number | null | RedisValue[] | RedisError;

class RedisError extends Error {}

interface Parsed {
  value: RedisValue;
  next: number;
}

/** Reads one RESP2 value from `at`; undefined while it is not all there. */
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

const encode = (args: readonly (string | number)[]): string =>
  `*${args.length}\r\n${args
    .map((arg) => `$${Buffer.byteLength(String(arg))}\r\n${arg}\r\n`)
    .join('')}`;

function run(socket: Socket, args: readonly (string | number)[]): Promise<RedisValue> {
  return new Promise((resolve, reject) => {
    let data = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      data = Buffer.concat([data, chunk]);
      const parsed = parse(data, 0);
      if (parsed === undefined) return;
      settle();
      if (parsed.value instanceof RedisError) reject(parsed.value);
      else resolve(parsed.value);
    };
    const onEnd = (error?: unknown) => {
      settle();
      reject(error instanceof Error ? error : new Error('Redis closed the connection'));
    };
    const settle = () => {
      socket.off('data', onData).off('error', onEnd).off('close', onEnd);
    };
    socket.on('data', onData).on('error', onEnd).on('close', onEnd);
    socket.write(encode(args));
  });
}

export type Redis = (...args: (string | number)[]) => Promise<RedisValue>;

/** A plain connection to look into Redis from outside: one command after another. */
export async function withRedis<T>(
  redisUrl: string,
  use: (redis: Redis) => Promise<T>,
): Promise<T> {
  const { hostname, port, pathname } = new URL(redisUrl);
  const socket = connect({ host: hostname, port: Number(port || 6379) });
  socket.on('error', () => undefined);
  const database = Number(pathname.slice(1) || 0);
  const redis: Redis = (...args) => run(socket, args);
  try {
    if (database !== 0) await redis('SELECT', database);
    return await use(redis);
  } finally {
    socket.destroy();
  }
}

/** Makes Redis write down anew what it holds: what it held before is gone from its disk then. */
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
