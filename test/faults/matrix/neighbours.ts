import { setTimeout as delay } from 'node:timers/promises';
import type { Contour } from '../../support/contour.ts';
import { drawHex } from '../../support/dice.ts';
import { type Body, idOf, messageTo } from '../../support/messages.ts';
import { withRedis } from '../../support/redis-client.ts';
import { type Accepted, resolve } from '../../support/send.ts';
import { streamOf, withFingerprint } from '../../support/streams.ts';
import type { TestTenant } from '../../support/tenants.ts';
import { waitFor } from '../../support/wait-for.ts';

export interface NeighbourLoad {
  tenants: number;
  /** Of all tenants together. The rate does not depend on the answers. */
  perSecond: number;
  /** Per tenant, used in turn. */
  chats: number;
  by: 'http' | 'stream';
}

/** Fifteen tenants that do nothing wrong. */
export const NEIGHBOURS: NeighbourLoad = { tenants: 15, perSecond: 40, chats: 8, by: 'http' };

/** The load as the table of faults names it. */
export const toldNeighbours = ({ tenants, perSecond, by }: NeighbourLoad): string =>
  `${perSecond} messages/s of ${tenants} healthy tenants, by ${by === 'http' ? 'HTTP' : 'streams'}`;

/** How long messages of healthy tenants took from sending to Core, in milliseconds. */
export interface Latency {
  count: number;
  p50: number;
  p99: number;
  worst: number;
  /** Statuses other than 200; 0 is a broken connection. */
  refusals: number[];
}

interface Sent {
  messageId: string;
  sentAt: number;
}

export interface Neighbours {
  /** Measures the messages of the next milliseconds. Resolves when all of them are at Core. */
  watch(forMs: number): Promise<Latency>;
  /** Ends the load and resolves with its ledger. */
  stop(): Promise<{ accepted: Accepted[]; sent: ReadonlySet<string> }>;
}

/** Longer than any row allows. After it a message counts as never delivered. */
const AT_CORE_MS = 60_000;

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/**
 * A steady load of healthy tenants beside the trouble of others. It is an open loop: a late answer does not
 * delay the next message, so a pause of the system shows at its full length.
 */
export async function startNeighbours(
  contour: Contour,
  { tenants: count, perSecond, chats, by }: NeighbourLoad = NEIGHBOURS,
): Promise<Neighbours> {
  const tenants: TestTenant[] = [];
  for (let n = 0; n < count; n += 1) tenants.push(await contour.addTenant());
  const prefix = drawHex(12);
  const accepted: Accepted[] = [];
  const sent = new Set<string>();
  const underWay = new Set<Promise<void>>();
  const watched = new Set<{ sent: Sent[]; refusals: number[] }>();

  async function post(body: Body, messageId: string): Promise<void> {
    const answer = await resolve(contour.url, body).catch(() => undefined);
    if (answer?.status === 200) accepted.push({ messageId, answer: answer.text });
    else for (const watch of watched) watch.refusals.push(answer?.status ?? 0);
  }

  function bodyOf(index: number): { body: Body; tenant: TestTenant } {
    const tenant = tenants[index % count] as TestTenant;
    const chat = Math.floor(index / count) % chats;
    const body = messageTo(tenant.accounts.telegram, {
      external_chat_id: `${prefix}-${index % count}-${chat}`,
      message_ids: [`${prefix}-${index}`],
    });
    return { body, tenant };
  }

  const send = (redis: Parameters<Parameters<typeof withRedis>[1]>[0]) => (index: number) => {
    const { body, tenant } = bodyOf(index);
    const messageId = idOf(body);
    sent.add(messageId);
    for (const watch of watched) watch.sent.push({ messageId, sentAt: Date.now() });
    if (by === 'http') return post(body, messageId);
    const entry = JSON.stringify(withFingerprint(body, tenant.accounts.telegram));
    return redis('XADD', streamOf(body), '*', 'message', entry).then(() => {
      accepted.push({ messageId, answer: null });
    });
  };

  let isStopped = false;
  const sending = withRedis(contour.redis.url, async (redis) => {
    const sendOne = send(redis);
    const startedAt = performance.now();
    for (let index = 0; !isStopped; ) {
      const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000);
      for (; index < due; index += 1) {
        const one = sendOne(index);
        underWay.add(one);
        void one.catch(() => undefined).finally(() => underWay.delete(one));
      }
      await delay(5);
    }
    await Promise.all(underWay);
  });
  // stop() throws this failure; without the handler it would be an unhandled rejection until then.
  sending.catch(() => undefined);

  const arrivals = () => {
    const at = new Map<string, number>();
    for (const request of contour.core.requests) {
      if (!at.has(request.key)) at.set(request.key, request.at);
    }
    return at;
  };

  return {
    async watch(forMs) {
      const watch = { sent: [] as Sent[], refusals: [] as number[] };
      watched.add(watch);
      await delay(forMs);
      const own = [...watch.sent];
      const areAtCore = () => {
        const at = arrivals();
        return own.every(({ messageId }) => at.has(messageId));
      };
      await waitFor('the neighbours’ messages at Core', areAtCore, {
        deadlineMs: AT_CORE_MS,
        everyMs: 100,
      });
      watched.delete(watch);
      const at = arrivals();
      const ms = own
        .map(({ messageId, sentAt }) => (at.get(messageId) ?? Infinity) - sentAt)
        .sort((a, b) => a - b);
      return {
        count: ms.length,
        p50: quantile(ms, 0.5),
        p99: quantile(ms, 0.99),
        worst: ms.at(-1) ?? 0,
        refusals: watch.refusals,
      };
    },
    async stop() {
      isStopped = true;
      await sending;
      return { accepted, sent };
    },
  };
}
