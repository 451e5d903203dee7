import { connect } from 'node:net';

const PROBE_TIMEOUT_MS = 2_000;

/** Whether Postgres asks for a password or a query, rather than saying that it is starting up. */
export async function postgresAnswers(port: number): Promise<boolean> {
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(196608, 4); // protocol 3.0
  return (await exchange(port, Buffer.concat([head, parameters])))?.at(0) === 'R'.charCodeAt(0);
}

/** Whether Redis answers PING, rather than saying that it is loading its data. */
export async function redisAnswers(port: number): Promise<boolean> {
  return (await exchange(port, Buffer.from('PING\r\n')))?.toString().startsWith('+PONG') ?? false;
}

/** Whether Neo4j agrees to speak Bolt 5, which it does once its database is available. */
export async function neo4jAnswers(port: number): Promise<boolean> {
  const preamble = [0x60, 0x60, 0xb0, 0x17];
  const anyOf5 = [0, 4, 4, 5]; // 5.4 down to 5.0
  const nothingElse = Array<number>(12).fill(0);
  const handshake = Buffer.from([...preamble, ...anyOf5, ...nothingElse]);
  return (await exchange(port, handshake))?.at(3) === 5;
}

function exchange(port: number, question: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PROBE_TIMEOUT_MS });
    const finish = (answer?: Buffer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => socket.write(question));
    socket.once('data', finish);
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => finish());
  });
}
