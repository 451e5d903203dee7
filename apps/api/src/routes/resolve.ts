import { checkIncoming, type IncomingMessage } from '@contour/contract';
import type { Tracer } from '@contour/runtime';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendAcceptance } from '../acceptance-answer.ts';
import type { BackPressure } from '../back-pressure.ts';
import type { TakeIn } from '../intake.ts';
import type { Guard } from '../keys.ts';
import type { CountAnswer } from '../metrics/intake-metrics.ts';
import { parsePrefer } from '../prefer.ts';
import { ProblemError } from '../problem-error.ts';
import { notesOf, noteTraceId } from '../request-notes.ts';
import { traceMessage, traceRequests } from '../trace-request.ts';

export interface ResolveRouteDeps {
  guard: Guard;
  limitRate: (request: FastifyRequest) => Promise<void>;
  backPressure: Pick<BackPressure, 'check'>;
  limitWaiting: (message: IncomingMessage) => void;
  takeIn: TakeIn;
  countAnswer: CountAnswer;
  tracer: Tracer | undefined;
}

function messageOf(body: unknown) {
  if (body === undefined) throw new ProblemError('invalid', { detail: 'The body is empty.' });
  const checked = checkIncoming(body);
  if (checked.ok) return checked.message;
  throw new ProblemError('invalid', {
    detail: 'The body is not valid; `errors` names every fault.',
    errors: checked.faults,
  });
}

/** POST /resolve: checks key, rate, backlog, message and its account's waiting messages, then takes it in. */
export function resolveRoute(app: FastifyInstance, deps: ResolveRouteDeps): void {
  app.post('/resolve', {
    onRequest: deps.guard,
    // Only now is the body read, so that a refusal, too, carries the sender's trace id.
    preHandler: [
      async (request) => noteTraceId(request),
      ...traceRequests(deps.tracer),
      deps.limitRate,
      async () => deps.backPressure.check(),
    ],
    onResponse: deps.countAnswer,
    handler: async (request, reply) => {
      const message = messageOf(request.body);
      const { traceId, messageId, channel } = message;
      Object.assign(notesOf(request), { traceId, messageId, channel });
      deps.limitWaiting(message);
      const acceptance = await deps.takeIn({
        message: traceMessage(deps.tracer, request, reply, message),
        prefer: parsePrefer(request.headers.prefer),
        onHangUp: (callback) => void reply.raw.once('close', callback),
      });
      return sendAcceptance(reply, message, acceptance);
    },
  });
}
