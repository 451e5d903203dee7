import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Contour } from '../../support/contour.ts';
import { type Body, idOf, messageTo } from '../../support/messages.ts';
import { withRedis } from '../../support/redis-client.ts';
import { type Accepted, request } from '../../support/send.ts';
import { streamOf, withFingerprint } from '../../support/streams.ts';
import type { TestTenant } from '../../support/tenants.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Trouble } from './trouble.ts';

/** The JSON text of an object with this many keys. */
const textOfKeys = (keys: number) =>
  `{${Array.from({ length: keys }, (_, n) => `"k${n.toString(36)}":0`).join(',')}}`;

/** Bodies with tens of thousands of keys, all at the same moment. The legal ones are accepted. */
export async function sendManyKeys(contour: Contour, atOnce: number): Promise<Trouble> {
  const { telegram } = (await contour.addTenant()).accounts;
  // Made once, as text: this process also generates the load of the healthy tenants.
  const [legal, tooMany] = [textOfKeys(19_000), textOfKeys(24_000)];
  const accepted: Accepted[] = [];
  const sent = new Set<string>();
  const post = async (meta: string, expected: number) => {
    const body = messageTo(telegram);
    if (expected === 200) sent.add(idOf(body));
    const text = `${JSON.stringify(body).slice(0, -1)},"meta":${meta}}`;
    const answer = await request('POST', `${contour.url}/resolve`, { body: text });
    expect(answer.status).toBe(expected);
    if (expected === 200) accepted.push({ messageId: idOf(body), answer: answer.text });
  };
  const sending = Promise.all(
    Array.from({ length: atOnce }, (_, n) => (n % 6 ? post(tooMany, 400) : post(legal, 200))),
  );
  sending.catch(() => undefined);
  return {
    async end() {
      await sending;
      return { accepted, sent };
    },
  };
}

/** Adds bodies to their streams as fast as Redis takes them. */
async function addAll(contour: Contour, { accounts }: TestTenant, bodies: Iterable<Body>) {
  const accepted: Accepted[] = [];
  await withRedis(contour.redis.url, async (redis) => {
    for (const body of bodies) {
      const entry = JSON.stringify(withFingerprint(body, accounts.telegram));
      await redis('XADD', streamOf(body), '*', 'message', entry);
      accepted.push({ messageId: idOf(body), answer: null });
    }
  });
  return { accepted, sent: new Set(accepted.map(({ messageId }) => messageId)) };
}

/** All chats of a tenant give the same placeholder as their phone, and go on writing. */
export async function givePlaceholder(contour: Contour, chats: number): Promise<Trouble> {
  const tenant = await contour.addTenant();
  const { telegram } = tenant.accounts;
  const ofChat = (chat: number) =>
    messageTo(telegram, { external_chat_id: `placeholder-${chat}`, client_phone: '+79990000000' });
  const first = await addAll(
    contour,
    tenant,
    Array.from({ length: chats }, (_, n) => ofChat(n)),
  );
  const delivered = async () => {
    const { rows } = await contour.database.pool.query<{ n: number }>(
      "select count(*)::int as n from messages where tenant_id = $1 and status = 'delivered'",
      [tenant.id],
    );
    return rows[0]?.n === chats;
  };
  await waitFor('the first message of each chat', delivered, { deadlineMs: 120_000 });
  let isOver = false;
  const going = (async () => {
    const load = { accepted: [...first.accepted], sent: new Set(first.sent) };
    for (let chat = 0; !isOver; chat = (chat + 1) % chats) {
      const one = await addAll(contour, tenant, [ofChat(chat)]);
      load.accepted.push(...one.accepted);
      for (const id of one.sent) load.sent.add(id);
      await delay(50);
    }
    return load;
  })();
  going.catch(() => undefined);
  return {
    async end() {
      isOver = true;
      const load = await going;
      const { rows } = await contour.database.pool.query<{ most: number }>(
        `select max(n)::int as most from (select count(*) as n from client_channels
           where tenant_id = $1 group by client_id) c`,
        [tenant.id],
      );
      expect(rows[0]?.most).toBe(20);
      return load;
    },
  };
}

/** Entries of the largest allowed size, with much larger ones between them. */
export async function addLargeEntries(
  contour: Contour,
  { large, oversized }: { large: number; oversized: number },
): Promise<Trouble> {
  const tenant = await contour.addTenant();
  const { telegram } = tenant.accounts;
  const chat = { external_chat_id: 'one chat' };
  const rest = { text: 'x'.repeat(50_000), meta: { rest: 'y'.repeat(190_000) } };
  const valid = Array.from({ length: large }, () => messageTo(telegram, { ...chat, ...rest }));
  const huge = 'z'.repeat(4 * 1024 * 1024);
  const load = await addAll(contour, tenant, valid.slice(0, large / 2));
  await withRedis(contour.redis.url, async (redis) => {
    const stream = streamOf(messageTo(telegram, chat));
    for (let n = 0; n < oversized; n += 1) await redis('XADD', stream, '*', 'message', huge);
  });
  const second = await addAll(contour, tenant, valid.slice(large / 2));
  return {
    end: async () => ({
      accepted: [...load.accepted, ...second.accepted],
      sent: new Set([...load.sent, ...second.sent]),
    }),
  };
}
