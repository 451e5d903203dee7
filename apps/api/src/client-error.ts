import type { Socket } from 'node:net';
import { problemOf, uuidv7 } from '@contour/contract';
import { PROBLEM_TYPE } from './problems.ts';

const REFUSALS: Record<string, [status: number, phrase: string, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'The headers are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request did not come in time.'],
};
const MALFORMED: [number, string, string] = [400, 'Bad Request', 'This is not an HTTP request.'];

/** Answers what never became a request; there is nothing but the bare socket to do it on. */
export function refuseOnSocket(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, phrase, detail] = REFUSALS[error.code ?? ''] ?? MALFORMED;
  const problem = { ...problemOf('invalid', { detail, traceId: uuidv7() }), status };
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${status} ${phrase}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
