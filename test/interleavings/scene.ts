import {
  AppError,
  checkIncoming,
  normalisePhone,
  type Outcome,
  receiptBody,
} from '@contour/contract';
import { type Arrival, type Ending, resolveBatch } from '@contour/store';
import type { Body } from '../support/messages.ts';
import type { Pool } from '../support/outside-pool.ts';
import type { TestTenant } from '../support/tenants.ts';
import type { AtCore } from './seat.ts';

/** The outcome of one message in one batch. */
interface Told {
  messageId: string;
  contentHash: string;
  ending: Ending;
}

/** One request to Core, and how Core answered. */
interface Push {
  messageId: string;
  body: string;
  taken: boolean;
}

/** The outcomes and requests of all participants of one run. */
export interface Notes {
  told: Told[];
  pushed: Push[];
}

export interface Participant {
  pool: Pool;
  atCore: AtCore;
  tenant: TestTenant;
  notes: Notes;
}

export type Act = (participant: Participant) => Promise<void>;

/** Participants that run concurrently, and what has happened before. */
export interface Scene {
  name: string;
  /** `npm test` plays it, too. One scene of each kind is quick. */
  quick?: true;
  before?: readonly Act[];
  acts: readonly Act[];
  /** Delivers the remaining messages when all have ended. */
  drain?: Act;
}

function arrivalOf(tenant: TestTenant, body: Body): Arrival {
  const channel = (body.channel ?? 'telegram') as keyof TestTenant['accounts'];
  const account_fingerprint = tenant.accounts[channel].fingerprint;
  const checked = checkIncoming({ channel, account_fingerprint, text: 'hello', ...body });
  if (!checked.ok) throw new Error(`not a valid message: ${JSON.stringify(checked.faults)}`);
  return { message: checked.message, phone: normalisePhone(checked.message.clientPhone, 'RU') };
}

/** Resolves one batch. */
export function resolves(bodies: readonly Body[], { linkByPhone = true } = {}): Act {
  return async ({ pool, tenant, notes }) => {
    const arrivals = bodies.map((body) => arrivalOf(tenant, body));
    const { outcomes } = await resolveBatch(pool, arrivals, { linkByPhone, shardCount: 1 });
    for (const [index, { message }] of arrivals.entries()) {
      const { messageId, contentHash } = message;
      const ending = outcomes[index] ?? new AppError('unexpected', 'no outcome', undefined);
      notes.told.push({ messageId, contentHash, ending });
    }
  };
}

/** Another application closes all dialogs. */
export const closesDialogs: Act = async ({ pool, tenant }) => {
  const text = 'update dialogs set status_id = 3 where tenant_id = $1 and status_id in (1, 2)';
  await pool.query({ name: 'close_dialogs', text, values: [tenant.id] });
};

/** Makes an act visible to others only as a whole. */
export const inOneTransaction =
  (act: Act): Act =>
  async (participant) => {
    await participant.pool.query('begin');
    await act(participant);
    await participant.pool.query('commit');
  };

/** The answer as a sender would get it. */
export const answerOf = (ending: Ending): string =>
  'receipt' in ending ? receiptBody(ending.receipt) : kindOf(ending);

export const kindOf = (ending: Outcome | AppError): string =>
  ending instanceof AppError ? `error ${ending.code}` : ending.kind;
