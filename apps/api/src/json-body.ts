import { isUtf8 } from 'node:buffer';
import { parseBody } from '@contour/contract';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from './problem-error.ts';
import { createTurns } from './turns.ts';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

const unreadable = (detail: string) => new ProblemError('invalid', { detail });

/** Reads a JSON body from its bytes. An empty one is no body: whether that is a fault, the route says. */
function readJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw unreadable('The body is not UTF-8.');
  try {
    return parseBody(bytes.toString('utf8'));
  } catch {
    // The parser's message quotes the body, which may hold a credential.
    throw unreadable('The body is not well-formed JSON.');
  }
}

/** A larger body takes milliseconds to read and to check, so it waits for a turn. */
const BIG_BYTES = 16 * 1024;

/** JSON is the only body this service takes; anything else is a 415 of the framework. */
export function takeJsonBodies(app: FastifyInstance): void {
  const turn = createTurns();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    JSON_TYPE,
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => {
      if (body.length > BIG_BYTES) await turn();
      return readJsonBody(body);
    },
  );
}
