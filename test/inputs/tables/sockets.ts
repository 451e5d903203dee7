/** The bytes of a whole request as Latin-1, made from a valid message. */
type Bytes = (valid: string) => string;

const HEAD = ['POST /resolve HTTP/1.1', 'Host: contour', 'Content-Type: application/json'];

const lines = (...all: string[]) => `${all.join('\r\n')}\r\n\r\n`;

/** A valid request with these headers. Its connection closes after the answer. */
const withHeaders =
  (...headers: string[]): Bytes =>
  (valid) =>
    lines(...HEAD, `Content-Length: ${valid.length}`, 'Connection: close', ...headers) + valid;

/** A valid request of this many bytes. */
const ofLength =
  (length: (actual: number) => string | number, ...headers: string[]): Bytes =>
  (valid) =>
    lines(...HEAD, `Content-Length: ${length(valid.length)}`, ...headers) + valid;

const inChunks =
  (body: (valid: string) => string, coding = 'chunked'): Bytes =>
  (valid) =>
    lines(...HEAD, `Transfer-Encoding: ${coding}`, 'Connection: close') + body(valid);

const chunk = (text: string, size = text.length.toString(16)) => `${size}\r\n${text}\r\n`;

const startingWith =
  (line: string): Bytes =>
  (valid) =>
    lines(line, ...HEAD.slice(1), `Content-Length: ${valid.length}`, 'Connection: close') + valid;

/** A name, the bytes, and the status of the first answer. */
export const SOCKETS: Array<[what: string, bytes: Bytes, status: number]> = [
  // no request
  ['noise', () => 'hello\r\n\r\n', 400],
  ['TLS', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['HTTP/0.9', () => 'GET /unknown\r\n\r\n', 404],
  ['HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['HTTP/9.9', startingWith('POST /resolve HTTP/9.9'), 400],
  ['a method that is none', startingWith('SEND /resolve HTTP/1.1'), 400],
  ['a method in small letters', startingWith('post /resolve HTTP/1.1'), 400],
  ['a space in the path', startingWith('POST /re solve HTTP/1.1'), 400],
  ['a path that does not begin', startingWith('POST resolve HTTP/1.1'), 400],
  ['bytes past ASCII in the path', startingWith('POST /\xff\xfe HTTP/1.1'), 400],
  ['a path of 20 000 characters', startingWith(`POST /${'a'.repeat(20_000)} HTTP/1.1`), 431],
  ['no host', () => lines('POST /resolve HTTP/1.1', 'Connection: close'), 400],

  // headers
  ['a header without a colon', withHeaders('no colon'), 400],
  ['a header without a name', withHeaders(': x'), 400],
  ['a space in the name of a header', withHeaders('a b: c'), 400],
  ['a zero byte in a header', withHeaders('x: a\0b'), 400],
  ['a header of 20 000 characters', withHeaders(`x: ${'a'.repeat(20_000)}`), 431],
  [
    'a thousand headers that are too much together',
    withHeaders(...Array(1000).fill('x-header: some value')),
    431,
  ],
  ['an expectation that cannot be met', withHeaders('Expect: 7-wonders'), 417],
  [
    'no type',
    (valid) =>
      lines(...HEAD.slice(0, 2), `Content-Length: ${valid.length}`, 'Connection: close') + valid,
    415,
  ],

  // wrong lengths
  ['a length that is negative', ofLength((n) => -n), 400],
  ['a length with a sign', ofLength((n) => `+${n}`), 400],
  ['a length that is no number', ofLength(() => '0x10'), 400],
  ['a length of 30 digits', ofLength(() => '9'.repeat(30)), 400],
  ['two lengths that differ', ofLength((n) => n, 'Content-Length: 5'), 400],
  ['a length and chunks', ofLength((n) => n, 'Transfer-Encoding: chunked'), 400],
  ['a length past all limits', ofLength(() => 10 ** 12), 413],
  ['a length before the end of the body', ofLength((n) => n - 10), 400],

  // chunks
  ['a chunk of a size that is none', inChunks((valid) => chunk(valid, 'zz')), 400],
  ['a chunk of a negative size', inChunks((valid) => chunk(valid, '-5')), 400],
  ['a chunk of a size past all limits', inChunks((valid) => chunk(valid, 'f'.repeat(17))), 400],
  ['a chunk longer than it says', inChunks((valid) => chunk(valid, '5')), 400],
  ['chunks in a coding that is unknown', inChunks((valid) => chunk(valid), 'gzip'), 400],
  ['chunks of more than 256 KiB', inChunks(() => chunk('x'.repeat(1 << 16)).repeat(5)), 413],
  ['chunks of noise', inChunks(() => `${chunk('\xff\xfe\0')}0\r\n\r\n`), 400],
];

/** Unusual bytes that are a valid request. */
export const ODD_SOCKETS: Array<[what: string, bytes: Bytes]> = [
  ['two types in two headers', withHeaders('Content-Type: text/plain')],
  ['a path with its host', startingWith('POST http://elsewhere/resolve HTTP/1.1')],
  ['HTTP/1.0', startingWith('POST /resolve HTTP/1.0')],
  ['a wait for permission', withHeaders('Expect: 100-continue')],
  [
    'chunks of a byte each',
    inChunks((valid) => `${[...valid].map((char) => chunk(char)).join('')}0\r\n\r\n`),
  ],
  ['a trailer', inChunks((valid) => `${chunk(valid)}0\r\nX-Trailer: 1\r\n\r\n`)],
];

/** Requests whose sender closes its side in the middle. */
export const CUT_SOCKETS: Array<[what: string, bytes: Bytes]> = [
  ['a length past the end of the body', ofLength((n) => n + 10)],
  ['chunks without an end', inChunks((valid) => chunk(valid))],
  ['half a chunk', inChunks((valid) => chunk(valid).slice(0, -20))],
  ['half a header', () => 'POST /resolve HTTP/1.1\r\nHost: con'],
  ['nothing', () => ''],
];
