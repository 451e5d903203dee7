import { createHash } from 'node:crypto';
import type { Queryable } from '../database/database.ts';
import {
  type Chat,
  chatKey,
  chatsOf,
  lookUpClients,
  MAX_LINKED,
  type Profile,
} from './find-clients.ts';
import { type Arrival, firstLook } from './first-look.ts';
import { findOpenDialogs } from './store-messages.ts';

/** What would happen to a message if it were resolved now. */
export type Prospect =
  | { kind: 'new'; makesClient: boolean; makesDialog: boolean }
  /** It is in the ledger already. */
  | { kind: 'repeat' }
  | { kind: 'refused'; because: 'unknown_tenant' | 'tenant_disabled' | 'conflict' | 'invalid' };

/** A chat of the chunk, and the client it has or would get. A new client has a made-up id. */
interface Settled {
  chat: Chat;
  clientId: string;
  isNewClient: boolean;
}

// Digests instead of texts, so that a forecast needs only some hundred bytes for each new chat.
const short = (text: string): string =>
  createHash('sha1').update(text).digest('base64').slice(0, 16);

/** Adds a digest. Returns whether it is the first of its kind. */
function addsTo(known: Set<string>, digest: string): boolean {
  const isFirst = !known.has(digest);
  known.add(digest);
  return isFirst;
}

/** The dialogs that a known client may have over the accounts of its messages. */
const knownDialogs = ({ chat: { tenantId, messages }, clientId }: Settled) =>
  clientId.startsWith('new ')
    ? []
    : messages.map(({ account }) => ({ tenantId, clientId, accountId: account.id }));

const chatDigest = (chat: Chat) => short(chatKey(chat));
const phoneDigest = ({ tenantId, phone }: Chat) => short(`${tenantId} ${phone}`);
const dialogDigest = (clientId: string, accountId: number) => short(`${clientId} ${accountId}`);

/**
 * Predicts what resolving would create. Uses the statements with which the resolver finds things, and neither writes nor
 * locks. Clients and dialogs that earlier chunks would have made count as existing.
 */
export function createForecast(db: Queryable, { linkByPhone }: { linkByPhone: boolean }) {
  const messages = new Set<string>();
  const clientOfChat = new Map<string, string>();
  const clientOfPhone = new Map<string, string>();
  /** How many identities each client has to which a phone may link another one. */
  const identities = new Map<string, number>();
  /** Client and account of each open dialog. */
  const dialogs = new Set<string>();
  let newClients = 0;

  function claimPhone(chat: Chat, clientId: string): void {
    const key = phoneDigest(chat);
    if (chat.phone !== null && !clientOfPhone.has(key)) clientOfPhone.set(key, clientId);
  }

  function settleStranger(chat: Chat, owner: Profile | undefined): Settled {
    const holder = linkByPhone ? (owner?.id ?? clientOfPhone.get(phoneDigest(chat))) : undefined;
    const known =
      holder === undefined ? 0 : (identities.get(holder) ?? owner?.channels.length ?? 1);
    const linked = known < MAX_LINKED ? holder : undefined;
    if (linked === undefined) newClients += 1;
    else identities.set(linked, known + 1);
    const clientId = linked ?? `new ${newClients}`;
    clientOfChat.set(chatDigest(chat), clientId);
    if (owner === undefined) claimPhone(chat, clientId);
    return { chat, clientId, isNewClient: linked === undefined };
  }

  async function settleChats(chats: readonly Chat[]): Promise<Settled[]> {
    const { identified, owners } = await lookUpClients(db, chats);
    // As in the resolver, chats without a client come first, and missing phones are filled in after that.
    const settled = chats.map((chat): Settled => {
      const known = identified.get(chat)?.id ?? clientOfChat.get(chatDigest(chat));
      if (known === undefined) return settleStranger(chat, owners.get(chat));
      return { chat, clientId: known, isNewClient: false };
    });
    for (const { chat, clientId } of settled) {
      const isFree = !owners.has(chat) && (identified.get(chat)?.phone ?? null) === null;
      if (isFree) claimPhone(chat, clientId);
    }
    const open = await findOpenDialogs(db, settled.flatMap(knownDialogs));
    for (const { clientId, accountId } of open.keys()) {
      dialogs.add(dialogDigest(clientId, accountId));
    }
    return settled;
  }

  return {
    /** Takes chunk after chunk, in the order in which they would be resolved. Returns one prospect per arrival. */
    async look(arrivals: readonly Arrival[]): Promise<Prospect[]> {
      const { outcomes, fresh } = await firstLook(db, arrivals);
      const first = new Map(
        [...fresh].filter(([arrival]) => addsTo(messages, short(arrival.message.messageId))),
      );
      const made = new Map<unknown, Prospect>();
      for (const { chat, clientId, isNewClient } of await settleChats(
        chatsOf([...first.values()]),
      )) {
        for (const [index, item] of chat.messages.entries()) {
          const makesDialog = addsTo(dialogs, dialogDigest(clientId, item.account.id));
          made.set(item, { kind: 'new', makesClient: isNewClient && index === 0, makesDialog });
        }
      }
      return arrivals.map((arrival): Prospect => {
        const outcome = outcomes.get(arrival);
        if (outcome === undefined) return made.get(first.get(arrival)) ?? { kind: 'repeat' };
        if ('receipt' in outcome) return { kind: 'repeat' };
        return { kind: 'refused', because: outcome.kind };
      });
    },
  };
}
