import { createHash } from 'node:crypto';
import type { Queryable } from '../database/database.ts';
import { findOpenDialogs } from './dialog.ts';
import {
  type Chat,
  chatKey,
  chatsOf,
  lookUpClients,
  MAX_LINKED,
  type Profile,
} from './find-clients.ts';
import { type Arrival, firstLook } from './first-look.ts';

/** What would happen to a message if it were resolved now. */
export type Prospect =
  | { kind: 'new'; makesClient: boolean; makesDialog: boolean }
  /** It is in the ledger already. */
  | { kind: 'repeat' }
  | { kind: 'refused'; because: 'unknown_tenant' | 'tenant_disabled' | 'conflict' | 'invalid' };

interface Forecast {
  /** Takes chunk after chunk, in the order in which they would be resolved. Returns one prospect per arrival. */
  look(arrivals: readonly Arrival[]): Promise<Prospect[]>;
}

/** A chat of the chunk, and the client it has or would get. A new client has a made-up id. */
interface Settled {
  chat: Chat;
  clientId: string;
  isNewClient: boolean;
}

// Digests instead of texts, so that a forecast needs only some hundred bytes for each new chat.
const short = (text: string): string =>
  createHash('sha1').update(text).digest('base64').slice(0, 16);

/** What a forecast remembers of earlier chunks. Texts are digests. */
interface Memory {
  messages: Set<string>;
  clientOfChat: Map<string, string>;
  clientOfPhone: Map<string, string>;
  /** How many identities each client has to which a phone may link another one. */
  identities: Map<string, number>;
  /** Client and account of each open dialog. */
  dialogs: Set<string>;
  newClients: number;
}

function claimPhone(memory: Memory, { tenantId, phone }: Chat, clientId: string): void {
  if (phone === null) return;
  const key = short(`${tenantId} ${phone}`);
  if (!memory.clientOfPhone.has(key)) memory.clientOfPhone.set(key, clientId);
}

function settleStranger(
  memory: Memory,
  chat: Chat,
  owner: Profile | undefined,
  linkByPhone: boolean,
): Settled {
  const phoneKey = chat.phone === null ? '' : short(`${chat.tenantId} ${chat.phone}`);
  const holder = linkByPhone ? (owner?.id ?? memory.clientOfPhone.get(phoneKey)) : undefined;
  const known =
    holder === undefined ? 0 : (memory.identities.get(holder) ?? owner?.channels.length ?? 1);
  const linked = known < MAX_LINKED ? holder : undefined;
  if (linked === undefined) memory.newClients += 1;
  else memory.identities.set(linked, known + 1);
  const clientId = linked ?? `new ${memory.newClients}`;
  memory.clientOfChat.set(short(chatKey(chat)), clientId);
  if (owner === undefined) claimPhone(memory, chat, clientId);
  return { chat, clientId, isNewClient: linked === undefined };
}

async function settleChats(
  db: Queryable,
  memory: Memory,
  chats: readonly Chat[],
  linkByPhone: boolean,
): Promise<Settled[]> {
  const { identified, owners } = await lookUpClients(db, chats);
  // As in the resolver, chats without a client come first, and missing phones are filled in after that.
  const settled = chats.map((chat): Settled => {
    const known = identified.get(chat)?.id ?? memory.clientOfChat.get(short(chatKey(chat)));
    if (known !== undefined) return { chat, clientId: known, isNewClient: false };
    return settleStranger(memory, chat, owners.get(chat), linkByPhone);
  });
  for (const { chat, clientId } of settled) {
    const isFree = !owners.has(chat) && (identified.get(chat)?.phone ?? null) === null;
    if (isFree) claimPhone(memory, chat, clientId);
  }
  return settled;
}

const dialogKey = (clientId: string, accountId: number) => short(`${clientId} ${accountId}`);

/** Remembers the open dialogs of known clients. */
async function findOpen(db: Queryable, memory: Memory, settled: readonly Settled[]) {
  const wanted = new Map<string, { tenantId: string; clientId: string; accountId: number }>();
  for (const { chat, clientId } of settled) {
    if (clientId.startsWith('new ')) continue;
    for (const { account } of chat.messages) {
      const dialog = { tenantId: chat.tenantId, clientId, accountId: account.id };
      wanted.set(dialogKey(clientId, account.id), dialog);
    }
  }
  for (const { clientId, accountId } of (await findOpenDialogs(db, [...wanted.values()])).keys()) {
    memory.dialogs.add(dialogKey(clientId, accountId));
  }
}

/** Remembers the message. Returns whether it is the first with its id. */
function isFirstCopy({ messages }: Memory, { message }: Arrival): boolean {
  const key = short(message.messageId);
  const isFirst = !messages.has(key);
  messages.add(key);
  return isFirst;
}

/**
 * Predicts what resolving would create. Uses the statements with which the resolver finds things, and neither writes nor
 * locks. Clients and dialogs that earlier chunks would have made count as existing.
 */
export function createForecast(db: Queryable, { linkByPhone }: { linkByPhone: boolean }): Forecast {
  const memory: Memory = {
    messages: new Set(),
    clientOfChat: new Map(),
    clientOfPhone: new Map(),
    identities: new Map(),
    dialogs: new Set(),
    newClients: 0,
  };
  return {
    async look(arrivals) {
      const { outcomes, fresh } = await firstLook(db, arrivals);
      const first = new Map([...fresh].filter(([arrival]) => isFirstCopy(memory, arrival)));
      const settled = await settleChats(db, memory, chatsOf([...first.values()]), linkByPhone);
      await findOpen(db, memory, settled);
      const made = new Map<unknown, Prospect>();
      for (const { chat, clientId, isNewClient } of settled) {
        for (const [index, item] of chat.messages.entries()) {
          const key = dialogKey(clientId, item.account.id);
          const makesDialog = !memory.dialogs.has(key);
          memory.dialogs.add(key);
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
