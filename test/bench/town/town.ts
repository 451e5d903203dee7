import {
  type Channel,
  checkIncoming,
  fingerprintOf,
  type IncomingMessage,
} from '@contour/contract';
import { diceOf } from '../../support/dice.ts';
import type { Body } from '../../support/messages.ts';

/** Client j writes to the Telegram account of tenant j modulo the number of tenants. */
export interface Town {
  tenants: number;
  clients: number;
}

export const CREDENTIAL = 'bench-token-';
export const CHAT = 'chat-';

const credentialOf = (tenant: number): string => `${CREDENTIAL}${tenant}`;
const chatOf = (client: number): string => `${CHAT}${client}`;

export interface Mix {
  /** Marks the messages of this lot, so that all lots differ. */
  lot: string;
  count: number;
  /** The share of messages from new clients. */
  newShare?: number;
  /** How many clients write. Default: all. */
  writers?: number;
  /** Use the account's fingerprint, as a direct producer does. */
  byFingerprint?: boolean;
}

const CHANNEL: Channel = 'telegram';
const TEXT =
  'Good afternoon! I have ordered two of them last week and would like to know when they come. Could you look, please?';

/** Incoming messages of about 600 bytes, each of a random client. */
export function bodiesOf({ tenants, clients }: Town, mix: Mix): Body[] {
  const { lot, count, newShare = 0, writers = clients, byFingerprint = false } = mix;
  const dice = diceOf(1, lot);
  return Array.from({ length: count }, (_, index) => {
    const isNew = dice.chance(newShare);
    const client = dice.between(0, writers - 1);
    const tenant = client % tenants;
    const chat = isNew ? `${lot}-${index}` : chatOf(client);
    const account = byFingerprint
      ? { account_fingerprint: fingerprintOf(credentialOf(tenant)) }
      : { bot_token: credentialOf(tenant) };
    return {
      channel: CHANNEL,
      ...account,
      external_user_id: chat,
      external_chat_id: chat,
      client_name: isNew ? `New client ${index}` : `Client ${client}`,
      client_username: `user_${client}`,
      text: `${index} ${TEXT}`,
      timestamp: '2026-01-10T10:00:15Z',
      message_ids: [`${lot}-${index}-1`, `${lot}-${index}-2`],
      trace_id: `trace-${lot}-${index}`,
      media: {},
      meta: { batched: true, batch_size: 2, batch_reason: 'debounce' },
    };
  });
}

/** The same as HTTP bodies. */
export const textsOf = (town: Town, mix: Mix): string[] =>
  bodiesOf(town, mix).map((body) => JSON.stringify(body));

/** The same after the check. */
export function messagesOf(town: Town, mix: Mix): IncomingMessage[] {
  return bodiesOf(town, mix).map((body) => {
    const checked = checkIncoming(body);
    if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
    return checked.message;
  });
}
