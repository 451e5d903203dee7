import { type IncomingMessage, type Outcome, type Receipt, receiptBody } from '@contour/contract';
import type { FastifyReply } from 'fastify';
import type { Acceptance } from './intake.ts';
import { ProblemError, RETRY_AFTER_SECONDS } from './problem-error.ts';

type Kind = Outcome['kind'];
type OutcomeOf<K extends Kind> = Extract<Outcome, { kind: K }>;

function sendReceipt(reply: FastifyReply, receipt: Receipt): FastifyReply {
  return reply.code(200).type('application/json').serializer(String).send(receiptBody(receipt));
}

const unknownTenantDetail = (parked: boolean) =>
  parked
    ? 'No tenant has this credential. The message is parked in the dead-letter queue.'
    : 'No tenant has this credential. The message is not parked: too many of this account are.';

/** The one table from outcome to answer. */
const ANSWERS: {
  [K in Kind]: (reply: FastifyReply, outcome: OutcomeOf<K>, parked: boolean) => FastifyReply;
} = {
  resolved: (reply, { receipt }) => sendReceipt(reply, receipt),
  replayed: (reply, { receipt }) =>
    sendReceipt(reply.header('idempotent-replayed', 'true'), receipt),
  unknown_tenant: (_reply, _outcome, parked) => {
    throw new ProblemError('unknown_tenant', { detail: unknownTenantDetail(parked) });
  },
  tenant_disabled: () => {
    throw new ProblemError('tenant_disabled', { detail: 'Tenant disabled' });
  },
  conflict: () => {
    throw new ProblemError('message_conflict', {
      detail: 'These message ids were accepted with another text or media. Nothing is stored.',
    });
  },
  invalid: (_reply, { faults }) => {
    throw new ProblemError('invalid', { detail: 'The message cannot be stored.', errors: faults });
  },
};

function sendQueued(reply: FastifyReply, { messageId, traceId }: IncomingMessage): FastifyReply {
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

/** Answers the sender; every no is thrown, for the one error handler to put into words. */
export function sendAcceptance(
  reply: FastifyReply,
  message: IncomingMessage,
  acceptance: Acceptance,
): FastifyReply {
  if (acceptance.kind === 'queued') return sendQueued(reply, message);
  if (acceptance.kind === 'not_yet') {
    throw new ProblemError('not_yet', {
      detail: 'The message is queued and will be resolved. Sent again, it counts once.',
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  }
  const { outcome, parked } = acceptance;
  const answer = ANSWERS[outcome.kind] as (
    reply: FastifyReply,
    outcome: Outcome,
    parked: boolean,
  ) => FastifyReply;
  return answer(reply, outcome, parked);
}
