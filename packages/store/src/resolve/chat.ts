import { CHANNELS, type IncomingMessage, type MatchedBy } from '@contour/contract';
import type { Account } from './tenant.ts';

/** A message that is new as far as the first look at the ledger can tell, with its tenant. */
export interface Fresh {
  message: IncomingMessage;
  account: Account;
  /** E.164, or null where the number sent is none that could identify a client. */
  phone: string | null;
}

export interface Profile {
  id: string;
  name: string | null;
  phone: string | null;
  channels: Array<{ channel_id: number; external_id: string }>;
}

/** All that a batch says about one channel identity. Its messages share one client. */
export interface Chat {
  tenantId: string;
  channelId: number;
  externalId: string;
  username: string | null;
  name: string | null;
  phone: string | null;
  messages: Fresh[];
  /** Set by the client resolver: who it is, and how the first message of the batch found out. */
  client?: Profile;
  matchedBy?: MatchedBy;
}

export const chatKey = (chat: Pick<Chat, 'tenantId' | 'channelId' | 'externalId'>): string =>
  `${chat.tenantId} ${chat.channelId} ${chat.externalId}`;

/** Groups a batch by chat, in key order: every worker then takes locks in the same order. */
export function chatsOf(fresh: readonly Fresh[]): Chat[] {
  const chats = new Map<string, Chat>();
  for (const item of fresh) {
    const { message, account, phone } = item;
    const identity = {
      tenantId: account.tenantId,
      channelId: CHANNELS[message.channel].id,
      externalId: message.externalChatId,
    };
    const key = chatKey(identity);
    const chat = chats.get(key) ?? {
      ...identity,
      username: null,
      name: null,
      phone: null,
      messages: [],
    };
    chat.username ??= message.clientUsername;
    chat.name ??= message.clientName;
    chat.phone ??= phone;
    chat.messages.push(item);
    chats.set(key, chat);
  }
  return [...chats.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, chat]) => chat);
}
