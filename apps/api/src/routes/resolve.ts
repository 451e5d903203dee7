import {
  type Channel,
  checkIncoming,
  type IncomingMessage,
  type Outcome,
  type ProblemCode,
  type Receipt,
  type Reply,
  receiptBody,
  uuidv7,
} from '@contour/contract';
import {
  createRequestTrace,
  type Guard,
  type HttpApp,
  type HttpReply,
  type HttpRequest,
  notesOf,
  noteTraceId,
  ProblemError,
  RETRY_AFTER_SECONDS,
} from '@contour/http';
import type { Logger, Tracer } from '@contour/runtime';
import type { AddJob } from '../add-jobs.ts';
import type { BackPressure } from '../back-pressure.ts';
import type { CountAnswer } from '../metrics/intake-metrics.ts';
import { type Preference, parsePrefer } from '../prefer.ts';
import { resolveOperation } from '../reference/resolve.ts';
import {
  type Decision,
  type FindAnswer,
  lookIntoLedger,
  type OpenWaits,
  waitForOutcome,
} from '../wait-for-outcome.ts';

const LOOK_AFTER_MS = 1000;

/** A worker that decides later than this before the end of the wait parks instead: its reply might come too late. */
const REPLY_MARGIN_MS = 500;

export interface ResolveDeps {
  guard: Guard;
  limitRate: (request: HttpRequest) => Promise<void>;
  backPressure: Pick<BackPressure, 'check'>;
  limitWaiting: (message: IncomingMessage) => void;
  addJob: AddJob;
  replies: {
    channel: string;
    expect(requestId: string, timeoutMs: number): Promise<Reply | undefined>;
    forget(requestId: string): void;
  };
  findAnswer: FindAnswer;
  noteQueued(queued: { messageId: string; traceId: string; receivedAt: string }): Promise<void>;
  forgetQueued(messageIds: readonly string[]): Promise<void>;
  openWaits: OpenWaits;
  waitMs: number;
  countAnswer: CountAnswer;
  tracer: Tracer | undefined;
  logger: Pick<Logger, 'warn'>;
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
      const message = check(request.body);
      const { traceId, messageId, channel } = message;
      Object.assign(notesOf(request), { traceId, logged: { message_id: messageId } });
      channels.set(request, channel);
      deps.limitWaiting(message);
      const traceParent = trace.begin(request, reply, {
        parent: message.traceParent,
        root: messageId,
        attributes: { 'contour.message_id': messageId, 'contour.channel': channel },
      });
      const acceptance = await takeIn(deps, {
        message: traceParent === message.traceParent ? message : { ...message, traceParent },
        prefer: parsePrefer(request.headers.prefer),
        onHangUp: (callback) => void reply.raw.once('close', callback),
      });
      return answer(reply, message, acceptance);
    },
  });
}

function check(body: unknown): IncomingMessage {
  if (body === undefined) throw new ProblemError('invalid', { detail: 'The body is empty.' });
  const checked = checkIncoming(body);
  if (checked.ok) return checked.message;
  throw new ProblemError('invalid', {
    detail: 'The body is not valid; `errors` names every fault.',
    errors: checked.faults,
  });
}

interface Submission {
  message: IncomingMessage;
  prefer: Preference;
  /** Calls back when the sender hangs up. */
  onHangUp: (callback: () => void) => void;
}

type Acceptance = ({ kind: 'decided' } & Decision) | { kind: 'queued' } | { kind: 'not_yet' };

/** Adds the message to the queue, and waits for its outcome as long as the sender wants to. */
async function takeIn(deps: ResolveDeps, submission: Submission): Promise<Acceptance> {
  const { message, prefer } = submission;
  const waitMs = prefer.respondAsync ? Math.min(prefer.waitMs ?? 0, deps.waitMs) : deps.waitMs;
  if (waitMs === 0) {
    await deps.addJob({ v: 1, message });
    return { kind: 'queued' };
  }
  const decision = await addAndWait(deps, submission, waitMs);
  if (decision !== undefined) return { kind: 'decided', ...decision };
  return { kind: prefer.respondAsync ? 'queued' : 'not_yet' };
}

/**
 * The note of a queued message is written before the last look into the ledger. If the message is resolved after that
 * look, its worker removes the note; if it was resolved before, the look finds it and the note is removed here.
 */
async function addAndWait(
  deps: ResolveDeps,
  { message, onHangUp }: Submission,
  waitMs: number,
): Promise<Decision | undefined> {
  const { replies } = deps;
  let isNoted = false;
  const note = async () => {
    isNoted = true;
    await noteQueued(deps, message);
  };
  const requestId = uuidv7();
  const wait = deps.openWaits.open();
  onHangUp(wait.cancel);
  // Expected before the job is added: the reply may be faster than the acknowledgement.
  const replied = replies.expect(requestId, waitMs);
  try {
    const untilMs = Date.now() + waitMs - REPLY_MARGIN_MS;
    await deps.addJob({ v: 1, message, reply: { to: replies.channel, requestId, untilMs } });
    const decision = await waitForOutcome({
      replied,
      cancelled: wait.cancelled,
      look: () => lookIntoLedger(deps.findAnswer, message),
      beforeLastLook: note,
      lookAfterMs: LOOK_AFTER_MS,
    });
    if (decision !== undefined && isNoted) {
      deps.forgetQueued([message.messageId]).catch(() => undefined);
    }
    if (decision === undefined && !isNoted) await note();
    return decision;
  } finally {
    replies.forget(requestId);
    wait.close();
  }
}

/** The note only serves GET /messages/:id: the message is queued with or without it. */
async function noteQueued(deps: ResolveDeps, message: IncomingMessage): Promise<void> {
  const { messageId, traceId, receivedAt } = message;
  try {
    await deps.noteQueued({ messageId, traceId, receivedAt });
  } catch (err) {
    deps.logger.warn({ err, message_id: messageId }, 'queued_note.failed');
  }
}

/** Answers the sender. A refusal is thrown: the error handler writes the problem. */
function answer(reply: HttpReply, message: IncomingMessage, acceptance: Acceptance): HttpReply {
  if (acceptance.kind === 'queued') return sendQueued(reply, message);
  if (acceptance.kind === 'not_yet') {
    throw new ProblemError<ProblemCode>('not_yet', {
      detail: 'The message is queued and will be resolved. Sent again, it counts once.',
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  }
  const { outcome, parked } = acceptance;
  const send = ANSWERS[outcome.kind] as (
    reply: HttpReply,
    outcome: Outcome,
    parked: boolean,
  ) => HttpReply;
  return send(reply, outcome, parked);
}

type Kind = Outcome['kind'];
type OutcomeOf<K extends Kind> = Extract<Outcome, { kind: K }>;

/** The one table from outcome to answer. */
const ANSWERS: {
  [K in Kind]: (reply: HttpReply, outcome: OutcomeOf<K>, parked: boolean) => HttpReply;
} = {
  resolved: (reply, { receipt }) => sendReceipt(reply, receipt),
  replayed: (reply, { receipt }) =>
    sendReceipt(reply.header('idempotent-replayed', 'true'), receipt),
  unknown_tenant: (_reply, _outcome, parked) => {
    const detail = parked
      ? 'No tenant has this credential. The message is parked in the dead-letter queue.'
      : 'No tenant has this credential. The message is not parked: too many of this account are.';
    throw new ProblemError<ProblemCode>('unknown_tenant', { detail });
  },
  tenant_disabled: () => {
    throw new ProblemError<ProblemCode>('tenant_disabled', { detail: 'Tenant disabled' });
  },
  conflict: () => {
    throw new ProblemError<ProblemCode>('message_conflict', {
      detail: 'These message ids were accepted with another text or media. Nothing is stored.',
    });
  },
  invalid: (_reply, { faults }) => {
    throw new ProblemError('invalid', { detail: 'The message cannot be stored.', errors: faults });
  },
};

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
