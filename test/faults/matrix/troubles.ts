import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Contour } from '../../support/contour.ts';
import type { Behaviour } from '../../support/fake-core.ts';
import { type Body, idOf, messagesOf, messageTo } from '../../support/messages.ts';
import { openPool } from '../../support/outside-pool.ts';
import { withRedis } from '../../support/redis-client.ts';
import { type Accepted, request, resolve, startLoad } from '../../support/send.ts';
import { streamOf, withFingerprint } from '../../support/streams.ts';
import type { TestTenant } from '../../support/tenants.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { NeighbourLoad } from './neighbours.ts';

interface TroubleLoad {
  accepted: Accepted[];
  sent: ReadonlySet<string>;
}

/** A trouble in force. Ending it resolves with what its tenants sent, when all of that has been accepted. */
export interface Trouble {
  end(): Promise<TroubleLoad>;
}

const together = (loads: readonly TroubleLoad[]): TroubleLoad => ({
  accepted: loads.flatMap(({ accepted }) => accepted),
  sent: new Set(loads.flatMap(({ sent }) => [...sent])),
});

const waysOf = new WeakMap<Contour, Map<string, Behaviour>>();

/** How Core answers the messages of single tenants; all others get 200. */
function waysAtCore(contour: Contour): Map<string, Behaviour> {
  const known = waysOf.get(contour);
  if (known !== undefined) return known;
  const ways = new Map<string, Behaviour>();
  waysOf.set(contour, ways);
  contour.core.behave(({ body }) => ways.get(JSON.parse(body).tenant_id) ?? { status: 200 });
  return ways;
}

/** Longer than any trouble lasts. */
const SENDING_MS = 30 * 60_000;

/** Sends and repeats until told to stop. */
function keepSending(contour: Contour, bodies: () => Body, perSecond: number) {
  let isStopped = false;
  function* untilStopped() {
    while (!isStopped) yield bodies();
  }
  const senders = 4;
  const paceMs = (senders * 1000) / perSecond;
  const messages = untilStopped();
  const load = startLoad({
    ...{ urls: contour.urls, messages, concurrency: senders, paceMs, deadlineMs: SENDING_MS },
  });
  return {
    load,
    stop() {
      isStopped = true;
      return load.done;
    },
  };
}

/** The same through a stream, where there is no answer to wait for. */
function keepAdding(contour: Contour, tenant: TestTenant, bodies: () => Body, perSecond: number) {
  const load: TroubleLoad & { sent: Set<string> } = { accepted: [], sent: new Set() };
  let isStopped = false;
  const adding = withRedis(contour.redis.url, async (redis) => {
    while (!isStopped) {
      const body = bodies();
      const entry = JSON.stringify(withFingerprint(body, tenant.accounts.telegram));
      load.sent.add(idOf(body));
      await redis('XADD', streamOf(body), '*', 'message', entry);
      load.accepted.push({ messageId: idOf(body), answer: null });
      await delay(1000 / perSecond);
    }
  });
  adding.catch(() => undefined);
  return {
    load,
    async stop() {
      isStopped = true;
      await adding;
      return load;
    },
  };
}

/** Messages of so many chats in turn, without an end. */
function chatsOf({ accounts }: TestTenant, chats: number): () => Body {
  const endless = messagesOf(accounts.telegram, { count: Infinity, chats });
  return () => endless.next().value as Body;
}

/** Another session locks the one dialog of a tenant, to which messages come. */
export async function lockDialog(
  contour: Contour,
  by: NeighbourLoad['by'] = 'http',
): Promise<Trouble> {
  const tenant = await contour.addTenant();
  const bodies = chatsOf(tenant, 1);
  const sending =
    by === 'http' ? keepSending(contour, bodies, 10) : keepAdding(contour, tenant, bodies, 10);
  const hasDialog = async () => {
    const sql = 'select from dialogs where tenant_id = $1';
    return (await contour.database.pool.query(sql, [tenant.id])).rowCount === 1;
  };
  await waitFor('its dialog', hasDialog);
  const pool = openPool(contour.database.url, 1);
  const session = await pool.connect();
  await session.query('set idle_in_transaction_session_timeout = 0');
  await session.query('begin');
  await session.query('select from dialogs where tenant_id = $1 for update', [tenant.id]);
  return {
    async end() {
      await session.query('rollback');
      session.release();
      await pool.end();
      return sending.stop();
    },
  };
}

/** A trigger of another application raises an exception for the clients of one name. */
export async function refuseOneName(contour: Contour): Promise<Trouble> {
  const { pool } = contour.database;
  await pool.query(
    `create function refuse_name() returns trigger language plpgsql as $$
     begin
       if new.name = 'Refused' then raise exception 'this name is refused'; end if;
       return new;
     end $$`,
  );
  await pool.query(
    'create trigger refuse_name before insert on clients for each row execute function refuse_name()',
  );
  const { telegram } = (await contour.addTenant()).accounts;
  const sending = keepSending(contour, () => messageTo(telegram, { client_name: 'Refused' }), 10);
  await waitFor('the first message', () => sending.load.sent.size > 0);
  return {
    async end() {
      await pool.query('drop trigger refuse_name on clients');
      await pool.query('drop function refuse_name');
      return sending.stop();
    },
  };
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

/** Core takes ten seconds for each message of some tenants. */
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

/** One account sends many messages at once, and does not wait for their answers. */
export async function flood(
  contour: Contour,
  { burst, everyMs }: { burst: number; everyMs?: number },
): Promise<Trouble> {
  const { telegram } = (await contour.addTenant()).accounts;
  const accepted: Accepted[] = [];
  const sendBurst = async () => {
    const bodies = messagesOf(telegram, { count: burst, chats: 300 });
    const sender = async () => {
      for (const body of bodies) {
        const answer = await resolve(contour.url, body, { prefer: 'respond-async' });
        // Past its bound it is told so, and sends it no more.
        expect([202, 429]).toContain(answer.status);
        if (answer.status === 202) {
          accepted.push({ messageId: answer.json.message_id, answer: null });
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, sender));
  };
  await sendBurst();
  const stopping = new AbortController();
  const again = async () => {
    while (everyMs !== undefined && !stopping.signal.aborted) {
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (!stopping.signal.aborted) await sendBurst();
    }
  };
  const bursts = again();
  bursts.catch(() => undefined);
  return {
    async end() {
      stopping.abort();
      await bursts;
      return { accepted, sent: new Set(accepted.map(({ messageId }) => messageId)) };
    },
  };
}

/** As many requests as credentials that no tenant has, a quarter of a megabyte each. */
export async function makeUpCredentials(contour: Contour, count: number): Promise<Trouble> {
  const large = { text: 'x'.repeat(50_000), meta: { rest: 'y'.repeat(180_000) } };
  const post = async (n: number) => {
    const answer = await resolve(contour.url, {
      channel: 'telegram',
      bot_token: `made-up-${n}-${'0'.repeat(20)}`,
      external_chat_id: 'chat',
      message_ids: ['1'],
      ...large,
    });
    expect(answer.status).toBe(404);
  };
  const numbers = Array.from({ length: count }, (_, n) => n).values();
  const sender = async () => {
    for (const n of numbers) await post(n);
  };
  await Promise.all(Array.from({ length: 10 }, sender));
  return { end: async () => ({ accepted: [], sent: new Set() }) };
}

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
  const replay = request('POST', `${contour.url}/dlq/replay`, { body: { tenant_id: tenant.id } });
  replay.catch(() => undefined);
  return {
    async end() {
      const { status, json } = await replay;
      expect([status, json]).toEqual([200, { matched: count, replayed: count }]);
      return load;
    },
  };
}
