import type { IncomingMessage, Receipt } from '@contour/contract';
import { within } from '@contour/runtime';
import type { Ending } from './wait-for-outcome.ts';

const LOOK_WITHIN_MS = 1000;

interface LedgerAnswer {
  receipt: Receipt;
  contentHash: string;
  receivedAt: string;
}

export type FindAnswer = (message: IncomingMessage) => Promise<LedgerAnswer | null>;

const isSameMoment = (a: string, b: string) => Date.parse(a) === Date.parse(b);

function endingOf(message: IncomingMessage, { receipt, contentHash, receivedAt }: LedgerAnswer) {
  if (contentHash !== message.contentHash) {
    return { kind: 'conflict', tenantId: receipt.tenantId } as const;
  }
  const isFirst =
    isSameMoment(receivedAt, message.receivedAt) && receipt.traceId === message.traceId;
  return { kind: isFirst ? 'resolved' : 'replayed', receipt } as const;
}

/** What a worker would have told, read from the ledger. Postgres being away means not to know. */
export async function lookIntoLedger(
  findAnswer: FindAnswer,
  message: IncomingMessage,
): Promise<Ending | undefined> {
  try {
    const answer = await within(LOOK_WITHIN_MS, findAnswer(message), 'postgres');
    return answer === null ? undefined : { outcome: endingOf(message, answer), parked: false };
  } catch {
    return undefined;
  }
}
