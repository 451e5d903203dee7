import {
  CHANNEL_CODES,
  type Channel,
  checkIncoming,
  type IncomingMessage,
  PROBLEMS,
  type ProblemCode,
  type Receipt,
  receiptBody,
} from '@contour/contract';
import {
  createRequestTrace,
  type Guard,
  type HttpApp,
  type HttpReply,
  type HttpRequest,
  invalid,
  notesOf,
  noteTraceId,
  ProblemError,
  RETRY_AFTER_SECONDS,
} from '@contour/http';
import { createCounter, createHistogram, perKey, type Tracer } from '@contour/runtime';
import type { Registry } from 'prom-client';
import type { BackPressure } from '../back-pressure.ts';
import { addAndWait, type Decision, type IntakeDeps } from '../intake.ts';
import { resolveOperation } from '../reference/resolve.ts';

export interface ResolveDeps extends IntakeDeps {
  guard: Guard;
  limitRate: (request: HttpRequest) => Promise<void>;
  backPressure: Pick<BackPressure, 'check'>;
  limitWaiting: (message: IncomingMessage) => void;
  waitMs: number;
  /** Of timestamps without an offset. */
  timezone: string;
  countAnswer: ReturnType<typeof createAnswerCount>;
  tracer: Tracer | undefined;
}

/**
 * POST /resolve, the first stage of a message, from top to bottom:
 *
 *   refuse   without a key, above the rate, while the backlog or the account has no room
 *   check    the body becomes an IncomingMessage, and its credential a fingerprint
 *   add      a job in the queue `resolve`; the next stage is apps/worker/src/roles/resolve.ts
 *   wait     for the worker's reply, or until the ledger shows the message
 *   answer   with the receipt, with 202, or with a problem
 */
export function resolveRoute(app: HttpApp, deps: ResolveDeps): void {
  const trace = createRequestTrace(deps.tracer, { method: 'POST', url: '/resolve' });
  const channels = new WeakMap<HttpRequest, Channel>();

  app.post('/resolve', {
    ...resolveOperation,
    onRequest: deps.guard,
    // After the body was parsed, so that a refusal carries the sender's trace id.
    preHandler: [
      async (request) => noteTraceId(request),
      ...trace.preHandlers,
      deps.limitRate,
      async () => deps.backPressure.check(),
    ],
    onResponse: async (request, reply) => {
      deps.countAnswer({
        channel: channels.get(request),
        code: notesOf(request).code,
        status: reply.statusCode,
        ms: reply.elapsedTime,
      });
    },
    handler: async (request, reply) => {
      const message = check(request.body, deps.timezone);
      const { traceId, messageId, channel } = message;
      Object.assign(notesOf(request), { traceId, logged: { message_id: messageId } });
      channels.set(request, channel);
      deps.limitWaiting(message);
      const traceParent = trace.begin(request, reply, {
        parent: message.traceParent,
        root: messageId,
        attributes: { 'contour.message_id': messageId, 'contour.channel': channel },
      });
      const traced = traceParent === message.traceParent ? message : { ...message, traceParent };
      return takeIn(deps, traced, reply);
    },
  });
}

function check(body: unknown, timezone: string): IncomingMessage {
  if (body === undefined) throw new ProblemError('invalid', { detail: 'The body is empty.' });
  const checked = checkIncoming(body, new Date(), timezone);
  if (checked.ok) return checked.message;
  throw invalid(checked.faults);
}

/** The `Prefer` header of a request. `waitMs` is set only if the header names a wait. */
interface Preference {
  respondAsync: boolean;
  waitMs?: number;
}

// A preference is a token, optionally with a value, optionally with parameters after a semicolon.
const PREFERENCE =
  /^\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*)))?\s*(?:;|$)/;
const SEPARATOR = /,(?=(?:[^"]*"[^"]*")*[^"]*$)/;

/** The patterns above are not linear, so a header longer than any sensible preference is ignored. */
const MAX_LENGTH = 1000;

function preferencesIn(header: string): Array<[name: string, value: string]> {
  return header.split(SEPARATOR).flatMap((part) => {
    const [, name, quoted, plain] = PREFERENCE.exec(part) ?? [];
    return name === undefined ? [] : [[name.toLowerCase(), quoted ?? plain ?? '']];
  });
}

/** Reads RFC 7240: names in any case, lists, several headers; of a repeated one the first counts. */
export function parsePrefer(header: string | string[] | undefined): Preference {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  if (text.length > MAX_LENGTH) return { respondAsync: false };
  const first = new Map(preferencesIn(text).reverse());
  const wait = first.get('wait') ?? '';
  return {
    respondAsync: first.has('respond-async'),
    ...(/^\d+$/.test(wait) ? { waitMs: Number(wait) * 1000 } : {}),
  };
}

/** Adds the message to the queue, waits for its outcome as long as the sender wants to, and answers. */
async function takeIn(
  deps: ResolveDeps,
  message: IncomingMessage,
  reply: HttpReply,
): Promise<HttpReply> {
  const prefer = parsePrefer(reply.request.headers.prefer);
  const waitMs = prefer.respondAsync ? Math.min(prefer.waitMs ?? 0, deps.waitMs) : deps.waitMs;
  if (waitMs === 0) {
    await deps.addJob({ v: 1, message });
    return sendQueued(reply, message);
  }
  const onHangUp = (callback: () => void) => void reply.raw.once('close', callback);
  const decision = await addAndWait(deps, message, { waitMs, onHangUp });
  if (decision !== undefined) return sendOutcome(reply, decision);
  if (prefer.respondAsync) return sendQueued(reply, message);
  throw new ProblemError<ProblemCode>('not_yet', {
    detail: 'The message is queued and will be resolved. Sent again, it counts once.',
    headers: { 'retry-after': RETRY_AFTER_SECONDS },
  });
}

/** The one table from outcome to answer. A refusal is thrown: the error handler writes the problem. */
function sendOutcome(reply: HttpReply, { outcome, parked }: Decision): HttpReply {
  switch (outcome.kind) {
    case 'resolved':
      return sendReceipt(reply, outcome.receipt);
    case 'replayed':
      return sendReceipt(reply.header('idempotent-replayed', 'true'), outcome.receipt);
    case 'unknown_tenant':
      throw new ProblemError<ProblemCode>('unknown_tenant', {
        detail: parked
          ? 'No tenant has this credential. The message is parked in the dead-letter queue.'
          : 'No tenant has this credential. The message is not parked: too many of this account are.',
      });
    case 'tenant_disabled':
      throw new ProblemError<ProblemCode>('tenant_disabled', { detail: 'Tenant disabled' });
    case 'conflict':
      throw new ProblemError<ProblemCode>('message_conflict', {
        detail: 'These message ids were accepted with another text or media. Nothing is stored.',
      });
    case 'invalid':
      throw invalid(outcome.faults);
  }
}

function sendReceipt(reply: HttpReply, receipt: Receipt): HttpReply {
  return reply.code(200).type('application/json').serializer(String).send(receiptBody(receipt));
}

function sendQueued(reply: HttpReply, { messageId, traceId }: IncomingMessage): HttpReply {
  const statusUrl = `/messages/${messageId}`;
  return reply
    .code(202)
    .headers({ location: statusUrl, 'preference-applied': 'respond-async' })
    .send({
      accepted: true,
      trace_id: traceId,
      message_id: messageId,
      status_url: statusUrl,
    });
}

/** An answer to POST /resolve. */
export interface Answered {
  /** Undefined if the body could not be read. */
  channel: Channel | undefined;
  /** The code of its problem. */
  code: string | undefined;
  status: number;
  ms: number;
}

/** Every answer is counted once: as accepted, or as refused by its code. */
export function createAnswerCount(registry: Registry) {
  const accepted = createCounter(registry, {
    name: 'contour_accepted_total',
    help: 'Messages that were accepted (200 and 202), duplicates included.',
    labelNames: ['channel', 'way'],
  });
  const refused = createCounter(registry, {
    name: 'contour_refused_total',
    help: 'Answers to POST /resolve that are not an acceptance, by the code of the problem.',
    labelNames: ['code'],
  });
  const seconds = createHistogram(registry, {
    name: 'contour_answer_seconds',
    help: 'Time from a request of POST /resolve to its answer, in seconds.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  })();
  const acceptedOf = perKey(CHANNEL_CODES, (channel) => accepted(channel, 'http'));
  const refusedOf = perKey(Object.keys(PROBLEMS) as ProblemCode[], (code) => refused(code));

  return ({ channel, code, status, ms }: Answered): void => {
    seconds.observe(ms / 1000);
    if (status < 300 && channel !== undefined) acceptedOf[channel].inc();
    else refusedOf[(code ?? 'internal') as ProblemCode].inc();
  };
}
