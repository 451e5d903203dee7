import { createHash } from 'node:crypto';
import type { Queryable } from '../database/database.ts';
import type { Arrival } from './arrivals.ts';
import { type Chat, chatKey, chatsOf, type Profile } from './chat.ts';
import { findOpenDialogs } from './dialog.ts';
import { findClientsByIdentity, findPhoneOwners, MAX_LINKED } from './find-clients.ts';
import { firstLook } from './resolve.ts';

/** What would happen to a message if it were resolved now. */
export type Prospect =
  | { kind: 'new'; makesClient: boolean; makesDialog: boolean }
  /** It is in the ledger already. */
  | { kind: 'repeat' }
  | { kind: 'refused'; because: 'unknown_tenant' | 'tenant_disabled' | 'conflict' | 'invalid' };

export interface Forecast {
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

/**
 * Predicts what resolving would create. Uses the statements with which the resolver finds things, and neither writes nor
 * locks. Clients and dialogs that earlier chunks would have made count as existing.
 */
export function createForecast(db: Queryable, { linkByPhone }: { linkByPhone: boolean }): Forecast {
  const taken = new Set<string>();
  const clientOfChat = new Map<string, string>();
  const clientOfPhone = new Map<string, string>();
  /** How many identities each client has to which a phone may link another one. */
  const identities = new Map<string, number>();
  const dialogs = new Set<string>();
  let newClients = 0;

  async function settleChats(chats: readonly Chat[]): Promise<Settled[]> {
    const identified = await findClientsByIdentity(db, chats);
    const owners = await findPhoneOwners(
      db,
      chats.filter((chat) => (identified.get(chat)?.phone ?? null) === null),
    );
    // As in the resolver, chats without a client come first, and missing phones are filled in after that.
    const settled = chats.map((chat): Settled | Chat => {
      const known = identified.get(chat)?.id ?? clientOfChat.get(short(chatKey(chat)));
      return known === undefined ? chat : { chat, clientId: known, isNewClient: false };
    });
    const result = settled.map((one) =>
      'clientId' in one ? one : settleStranger(one, owners.get(one)),
    );
    for (const { chat, clientId } of result) {
      const isFree = !owners.has(chat) && (identified.get(chat)?.phone ?? null) === null;
      if (isFree) claimPhone(chat, clientId);
    }
    return result;
  }

  function claimPhone({ tenantId, phone }: Chat, clientId: string): void {
    if (phone === null) return;
    const key = short(`${tenantId} ${phone}`);
    if (!clientOfPhone.has(key)) clientOfPhone.set(key, clientId);
  }

  function settleStranger(chat: Chat, owner: Profile | undefined): Settled {
    const phoneKey = chat.phone === null ? '' : short(`${chat.tenantId} ${chat.phone}`);
    const holder = linkByPhone ? (owner?.id ?? clientOfPhone.get(phoneKey)) : undefined;
    const known =
      holder === undefined ? 0 : (identities.get(holder) ?? owner?.channels.length ?? 1);
    const linked = known < MAX_LINKED ? holder : undefined;
    const clientId = linked ?? `new ${++newClients}`;
    if (linked !== undefined) identities.set(linked, known + 1);
    clientOfChat.set(short(chatKey(chat)), clientId);
    if (owner === undefined) claimPhone(chat, clientId);
    return { chat, clientId, isNewClient: linked === undefined };
  }

  /** The client and account pairs of the chunk that have no open dialog, and would get one. */
  async function missingDialogs(settled: readonly Settled[]): Promise<(key: string) => boolean> {
    const wanted = new Map<string, { tenantId: string; clientId: string; accountId: number }>();
    for (const { chat, clientId } of settled) {
      for (const { account } of chat.messages) {
        const { tenantId } = chat;
        wanted.set(`${clientId} ${account.id}`, { tenantId, clientId, accountId: account.id });
      }
    }
    const asked = [...wanted.values()].filter(({ clientId }) => !clientId.startsWith('new '));
    for (const { clientId, accountId } of (await findOpenDialogs(db, asked)).keys()) {
      dialogs.add(short(`${clientId} ${accountId}`));
    }
    return (key) => {
      const isMissing = !dialogs.has(short(key));
      dialogs.add(short(key));
      return isMissing;
    };
  }

  return {
    async look(arrivals) {
      const { outcomes, fresh } = await firstLook(db, arrivals);
      const first = new Map(
        [...fresh].filter(([{ message }]) => {
          const key = short(message.messageId);
          const isFirst = !taken.has(key);
          taken.add(key);
          return isFirst;
        }),
      );
      const settled = await settleChats(chatsOf([...first.values()]));
      const makesDialog = await missingDialogs(settled);
      const made = new Map<unknown, Prospect>();
      for (const { chat, clientId, isNewClient } of settled) {
        chat.messages.forEach((item, index) => {
          made.set(item, {
            kind: 'new',
            makesClient: isNewClient && index === 0,
            makesDialog: makesDialog(`${clientId} ${item.account.id}`),
          });
        });
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
