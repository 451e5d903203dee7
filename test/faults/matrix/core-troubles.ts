import { expect } from 'vitest';
import type { Contour } from '../../support/contour.ts';
import type { Behaviour } from '../../support/fake-core.ts';
import { messagesOf } from '../../support/messages.ts';
import { request, startLoad } from '../../support/send.ts';
import { waitFor } from '../../support/wait-for.ts';
import { chatsOf, keepSending, type Trouble, together } from './trouble.ts';

const waysOf = new WeakMap<Contour, Map<string, Behaviour>>();

/** How Core answers the messages of single tenants. All other tenants get 200. */
export function waysAtCore(contour: Contour): Map<string, Behaviour> {
  const known = waysOf.get(contour);
  if (known !== undefined) return known;
  const ways = new Map<string, Behaviour>();
  waysOf.set(contour, ways);
  contour.core.behave(({ body }) => ways.get(JSON.parse(body).tenant_id) ?? { status: 200 });
  return ways;
}

/** Core answers 500 to one tenant with a thousand dialogs. */
export async function failAtCore(contour: Contour): Promise<Trouble> {
  const tenant = await contour.addTenant();
  waysAtCore(contour).set(tenant.id, { status: 500 });
  const messages = messagesOf(tenant.accounts.telegram, { count: 1000, chats: 1000 });
  const first = await startLoad({ urls: contour.urls, messages, concurrency: 30 }).done;
  const sending = keepSending(contour, chatsOf(tenant, 50), 5);
  return {
    async end() {
      waysAtCore(contour).delete(tenant.id);
      return together([first, await sending.stop()]);
    },
  };
}

/** Core needs ten seconds for each message of some tenants. */
export async function slowAtCore(contour: Contour, tenants: number): Promise<Trouble> {
  const slow = await Promise.all(Array.from({ length: tenants }, () => contour.addTenant()));
  for (const { id } of slow) waysAtCore(contour).set(id, { status: 200, delayMs: 10_000 });
  const firsts = await Promise.all(
    slow.map(({ accounts }) => {
      const messages = messagesOf(accounts.telegram, { count: 300, chats: 300 });
      return startLoad({ urls: contour.urls, messages, concurrency: 15 }).done;
    }),
  );
  const sendings = slow.map((tenant) => keepSending(contour, chatsOf(tenant, 100), 5));
  return {
    async end() {
      for (const { id } of slow) waysAtCore(contour).delete(id);
      return together([...firsts, ...(await Promise.all(sendings.map(({ stop }) => stop())))]);
    },
  };
}

/** Core fails several tenants at once, each in its own way, from the moment at which their messages come. */
export async function failInWays(
  contour: Contour,
  ways: readonly Behaviour[],
  dialogs: number,
): Promise<Trouble> {
  const tenants = await Promise.all(ways.map(() => contour.addTenant()));
  const loads = tenants.map(({ id, accounts }, index) => {
    waysAtCore(contour).set(id, ways[index] as Behaviour);
    const messages = messagesOf(accounts.telegram, { count: dialogs, chats: dialogs });
    return startLoad({ urls: contour.urls, messages, concurrency: 8 });
  });
  return {
    async end() {
      const done = await Promise.all(loads.map((load) => load.done));
      for (const { id } of tenants) waysAtCore(contour).delete(id);
      return together(done);
    },
  };
}

/** Longer than a replay takes beside other work. */
const REPLAY_MS = 120_000;

/** All dead messages of one tenant are replayed at once. */
export async function replayDead(contour: Contour, count: number): Promise<Trouble> {
  const tenant = await contour.addTenant();
  waysAtCore(contour).set(tenant.id, { status: 400 });
  const messages = messagesOf(tenant.accounts.telegram, { count, chats: 500 });
  const load = await startLoad({ urls: contour.urls, messages, concurrency: 30 }).done;
  const areDead = async () => {
    const { rows } = await contour.database.pool.query<{ dead: number }>(
      "select count(*)::int as dead from messages where tenant_id = $1 and status = 'dead'",
      [tenant.id],
    );
    return rows[0]?.dead === count;
  };
  await waitFor('all are dead', areDead, { deadlineMs: 60_000 });
  waysAtCore(contour).delete(tenant.id);
  const replay = request('POST', `${contour.url}/dlq/replay`, {
    body: { tenant_id: tenant.id },
    timeoutMs: REPLAY_MS,
  });
  replay.catch(() => undefined);
  return {
    async end() {
      const { status, json } = await replay;
      expect([status, json]).toEqual([200, { matched: count, replayed: count }]);
      return load;
    },
  };
}
