import {
  CHANNELS,
  type ClientId,
  type IncomingMessage,
  type MatchedBy,
  type TenantId,
} from '@contour/contract';
import type { Account } from './tenant.ts';

/** A message that the first look has not found in the ledger, and its account. */
export interface Fresh {
  message: IncomingMessage;
  account: Account;
  /** E.164, or null if the number that was sent cannot identify a client. */
  phone: string | null;
}

/** A client, as far as it is known or about to be stored. */
export interface Profile {
  id: ClientId;
  name: string | null;
  phone: string | null;
  channels: Array<{ channel_id: number; external_id: string }>;
}

/** The messages of a batch from one channel identity, and what they say about the client. */
export interface Chat {
  tenantId: TenantId;
  channelId: number;
  externalId: string;
  username: string | null;
  name: string | null;
  phone: string | null;
  messages: Fresh[];
  /** Set by client.ts: the client, and how the first message of the chat was matched to it. */
  client?: Profile;
  matchedBy?: MatchedBy;
}

export const chatKey = (chat: Pick<Chat, 'tenantId' | 'channelId' | 'externalId'>): string =>
  `${chat.tenantId} ${chat.channelId} ${chat.externalId}`;

/** Groups a batch by chat, in key order, so that all workers take locks in the same order. */
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
