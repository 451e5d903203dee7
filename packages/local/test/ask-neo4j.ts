import { connect } from 'node:net';

const HANDSHAKE = [0x60, 0x60, 0xb0, 0x17, ...[0, 0, 0, 5], ...Array<number>(12).fill(0)];
const [HELLO, RUN, PULL] = [0x01, 0x10, 0x3f];
const [SUCCESS, RECORD] = [0x70, 0x71];
const NO_ENTRIES = [0xa0];
const EVERYTHING = [0xa1, ...text('n'), 0xff]; // {n: -1}

/** Runs one statement through Bolt 5.0. Returns its result, which must be a small whole number. */
export async function askNeo4j(port: number, statement: string): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port });
  const hello = [
    0xa2,
    ...text('user_agent'),
    ...text('test/1'),
    ...text('scheme'),
    ...text('none'),
  ];
  socket.write(Buffer.from(HANDSHAKE));
  socket.write(message(HELLO, hello));
  socket.write(message(RUN, text(statement), NO_ENTRIES, NO_ENTRIES));
  socket.write(message(PULL, EVERYTHING));
  let received = Buffer.alloc(0);
  let answer = Number.NaN;
  for await (const part of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, part]);
    const answers = messagesIn(received.subarray(4)); // after the version
    for (const [, kind, , value = Number.NaN] of answers) {
      if (kind === RECORD) answer = value;
      else if (kind !== SUCCESS) throw new Error(received.toString());
    }
    if (answers.filter(([, kind]) => kind === SUCCESS).length === 3) return answer;
  }
  throw new Error('Neo4j closed the connection');
}

function message(kind: number, ...fields: number[][]): Buffer {
  const bytes = [0xb0 + fields.length, kind, ...fields.flat()];
  return Buffer.from([bytes.length >> 8, bytes.length & 0xff, ...bytes, 0, 0]);
}

function text(value: string): number[] {
  return [0xd0, value.length, ...Buffer.from(value)];
}

// A message is a list of chunks with their lengths, and a length of zero. These messages have one chunk each.
function messagesIn(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at);
    if (at + 2 + length > bytes.length) break;
    if (length > 0) found.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return found;
}
