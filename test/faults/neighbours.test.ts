import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { type Contour, type ContourOptions, startContour } from '../support/contour.ts';
import type { Behave } from '../support/fake-core.ts';
import { messagesOf, messageTo } from '../support/messages.ts';
import { openPool } from '../support/outside-pool.ts';
import { withRedis } from '../support/redis-client.ts';
import { type Accepted, request, resolve, startLoad } from '../support/send.ts';
import type { TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  NEIGHBOURS,
  type NeighbourLoad,
  startNeighbours,
  toldNeighbours,
} from './matrix/neighbours.ts';
import { type Outcome, row } from './matrix/row.ts';
import { secondsUntilThrough } from './matrix/under-load.ts';

/** Connections are open and plans are made. */
const WARM_MS = 3_000;
const WATCH_MS = 15_000;
/** What the tenant in trouble had waiting goes through in this time once its trouble ends. */
const RECOVERED_SECONDS = 60;

interface TroubleLoad {
  accepted: Accepted[];
  sent: ReadonlySet<string>;
}

/** A trouble in force. Ending it resolves with what its tenant sent, all of it accepted. */
interface Trouble {
  end(): Promise<TroubleLoad>;
}

const NOTHING: TroubleLoad = { accepted: [], sent: new Set() };

/** Measures the neighbours without the trouble, then with it, and checks everything when it is over. */
async function beside(
  options: ContourOptions,
  load: NeighbourLoad,
  begin: (contour: Contour) => Promise<Trouble>,
): Promise<Outcome> {
  const contour = await startContour(options);
  try {
    const neighbours = await startNeighbours(contour, load);
    await delay(WARM_MS);
    const before = await neighbours.watch(WATCH_MS);
    const trouble = await begin(contour);
    const during = await neighbours.watch(WATCH_MS);
    const own = await trouble.end();
    const others = await neighbours.stop();
    const sent = new Set([...own.sent, ...others.sent]);
    const recoverySeconds = await secondsUntilThrough(contour, { sent }, 120_000);
    const accepted = [...own.accepted, ...others.accepted];
    const violations = await contour.check({ accepted, sent });
    return { recoverySeconds, violations, neighbours: { before, during } };
  } finally {
    await contour.close();
  }
}

const isOf =
  (...tenants: TestTenant[]) =>
  (body: string): boolean =>
    tenants.some(({ id }) => JSON.parse(body).tenant_id === id);

const behaveTo =
  (isMeant: (body: string) => boolean, behaviour: ReturnType<Behave>): Behave =>
  ({ body }) =>
    isMeant(body) ? behaviour : { status: 200 };

/** One chat's messages, sent as fast as they are accepted. */
function sendToOneChat(contour: Contour, tenant: TestTenant, count = 40) {
  const messages = messagesOf(tenant.accounts.telegram, { count, chats: 1 });
  return startLoad({ urls: contour.urls, messages, concurrency: 4, paceMs: 200 });
}

/** Another session's lock on the one dialog of a tenant. */
async function lockDialog(contour: Contour): Promise<Trouble> {
  const tenant = await contour.addTenant();
  const load = sendToOneChat(contour, tenant);
  await waitFor('its dialog', () => load.accepted.length > 0);
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
      return load.done;
    },
  };
}

/** Another application's trigger that refuses the clients of one name. */
async function refuseOneName(contour: Contour): Promise<Trouble> {
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
  const messages = Array.from({ length: 40 }, () =>
    messageTo(telegram, { client_name: 'Refused' }),
  );
  const load = startLoad({ urls: contour.urls, messages, concurrency: 4, paceMs: 200 });
  await waitFor('a refusal', () => load.sent.size > 0);
  return {
    async end() {
      await pool.query('drop trigger refuse_name on clients');
      return load.done;
    },
  };
}

const BY_STREAM: NeighbourLoad = { ...NEIGHBOURS, by: 'stream' };

describe('Neighbours', () => {
  row(
    'of a tenant with a locked dialog',
    {
      injected: 'select … for update of one dialog by another session, and messages to that dialog',
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: RECOVERED_SECONDS,
    },
    () => beside({}, NEIGHBOURS, lockDialog),
  );

  row(
    'of a tenant with a locked dialog, through streams',
    {
      injected: 'select … for update of one dialog by another session, and messages to that dialog',
      load: toldNeighbours(BY_STREAM),
      withinSeconds: RECOVERED_SECONDS,
    },
    () => beside({}, BY_STREAM, lockDialog),
  );

  row(
    'of a tenant whose clients a trigger refuses',
    {
      injected: 'a trigger of another application that raises an exception for one client name',
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: RECOVERED_SECONDS,
    },
    () => beside({}, NEIGHBOURS, refuseOneName),
  );

  row(
    'of a tenant whose Core fails',
    {
      injected: '500 to one tenant with 1000 dialogs',
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: RECOVERED_SECONDS,
    },
    () =>
      beside({}, NEIGHBOURS, async (contour) => {
        const tenant = await contour.addTenant();
        contour.core.behave(behaveTo(isOf(tenant), { status: 500 }));
        const messages = messagesOf(tenant.accounts.telegram, { count: 1000, chats: 1000 });
        const load = await startLoad({ urls: contour.urls, messages, concurrency: 30 }).done;
        return {
          async end() {
            contour.core.behave(() => ({ status: 200 }));
            return load;
          },
        };
      }),
  );

  row(
    'of two tenants whose Core is slow',
    {
      injected: 'Core takes 10 s for each message of two tenants with 300 dialogs each',
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: RECOVERED_SECONDS,
    },
    () =>
      beside({}, NEIGHBOURS, async (contour) => {
        const slow = [await contour.addTenant(), await contour.addTenant()] as const;
        contour.core.behave(behaveTo(isOf(...slow), { status: 200, delayMs: 10_000 }));
        const loads = await Promise.all(
          slow.map(({ accounts }) => {
            const messages = messagesOf(accounts.telegram, { count: 300, chats: 300 });
            return startLoad({ urls: contour.urls, messages, concurrency: 15 }).done;
          }),
        );
        return {
          async end() {
            contour.core.behave(() => ({ status: 200 }));
            return {
              accepted: loads.flatMap(({ accepted }) => accepted),
              sent: new Set(loads.flatMap(({ sent }) => [...sent])),
            };
          },
        };
      }),
  );

  row(
    'of 580 made-up credentials',
    {
      injected:
        '580 requests of 250 KB, each with a credential that no tenant has; Redis has 256 MB',
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: RECOVERED_SECONDS,
    },
    () =>
      beside({}, NEIGHBOURS, async (contour) => {
        await withRedis(contour.redis.url, (redis) =>
          redis('CONFIG', 'SET', 'maxmemory', 256 * 1024 * 1024),
        );
        const text = 'x'.repeat(50_000);
        const meta = { rest: 'y'.repeat(180_000) };
        for (let n = 0; n < 580; n += 10) {
          const answers = await Promise.all(
            Array.from({ length: 10 }, (_, i) =>
              resolve(contour.url, {
                channel: 'telegram',
                bot_token: `made-up-${n + i}-${'0'.repeat(20)}`,
                external_chat_id: 'chat',
                message_ids: ['1'],
                text,
                meta,
              }),
            ),
          );
          for (const { status } of answers) expect(status).toBe(404);
        }
        return { end: async () => NOTHING };
      }),
  );

  row(
    'of a tenant that floods',
    {
      injected: '9000 messages of one account that its sender does not wait for',
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: RECOVERED_SECONDS,
    },
    () =>
      beside({}, NEIGHBOURS, async (contour) => {
        const { telegram } = (await contour.addTenant()).accounts;
        const bodies = [...messagesOf(telegram, { count: 9000, chats: 300 })];
        const headers = { prefer: 'respond-async' };
        const accepted: Accepted[] = [];
        const next = bodies.values();
        const flood = async () => {
          for (const body of next) {
            const answer = await resolve(contour.url, body, headers);
            if (answer.status === 202) {
              accepted.push({ messageId: answer.json.message_id, answer: null });
            }
          }
        };
        await Promise.all(Array.from({ length: 16 }, flood));
        const sent = new Set(accepted.map(({ messageId }) => messageId));
        return { end: async () => ({ accepted, sent }) };
      }),
  );

  row(
    'of a replay of five thousand entries',
    {
      injected: 'POST /dlq/replay of 5000 entries, MAX_BACKLOG=500',
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: RECOVERED_SECONDS,
    },
    () =>
      beside({ env: { MAX_BACKLOG: '500' } }, NEIGHBOURS, async (contour) => {
        const tenant = await contour.addTenant();
        contour.core.behave(behaveTo(isOf(tenant), { status: 400 }));
        const messages = messagesOf(tenant.accounts.telegram, { count: 5000, chats: 500 });
        const load = await startLoad({ urls: contour.urls, messages, concurrency: 30 }).done;
        const areDead = async () => {
          const { rows } = await contour.database.pool.query(
            "select from messages where tenant_id = $1 and status = 'dead'",
            [tenant.id],
          );
          return rows.length === 5000;
        };
        await waitFor('all are dead', areDead, { deadlineMs: 60_000 });
        contour.core.behave(() => ({ status: 200 }));
        const replay = request('POST', `${contour.url}/dlq/replay`, {
          body: { tenant_id: tenant.id },
        });
        return {
          async end() {
            const { status, json } = await replay;
            expect([status, json]).toEqual([200, { matched: 5000, replayed: 5000 }]);
            return load;
          },
        };
      }),
  );
});
