import { isUtf8 } from 'node:buffer';
import { type Fault, parseBody } from '@contour/contract';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { ProblemError } from './problems.ts';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

const unreadable = (detail: string) => new ProblemError('invalid', { detail });

/** Reads JSON from bytes. An empty body is undefined: the route decides whether that is a fault. */
function readJson(bytes: Buffer): unknown {
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

/** Accepts JSON bodies alone; Fastify refuses every other type with 415. Numbers in free JSON stay exact. */
export function takeJsonBodies(app: FastifyInstance): void {
  const turn = createTurns();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    JSON_TYPE,
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => {
      if (body.length > BIG_BYTES) await turn();
      return readJson(body);
    },
  );
}

/**
 * Turns for work that blocks the process for milliseconds. Turns are given in the order of the calls. After a piece of
 * work the next one waits as long as that piece took, so other requests get at least half of the time.
 */
export function createTurns(): () => Promise<void> {
  let free = Promise.resolve();
  return async () => {
    const turn = free;
    let end = () => {};
    free = new Promise((resolve) => {
      end = resolve;
    });
    await turn;
    const startedAt = performance.now();
    // The piece of work has ended by the next round of the event loop.
    setImmediate(() => setTimeout(end, performance.now() - startedAt));
  };
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((path) => ({ path, message: 'is not known here' }));
  }
  return [{ path: issue.path.join('.'), message: issue.message }];
}

/** Checks a query or a body against a schema, and names every fault in a 400. */
export function parseOrRefuse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ProblemError('invalid', {
    detail: 'The request is not valid; `errors` names every fault.',
    errors: parsed.error.issues.flatMap(faultsOf),
  });
}
