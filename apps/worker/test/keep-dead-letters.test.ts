import { checkIncoming } from '@contour/contract';
import { createDlq, type Dlq } from '@contour/queue';
import { type DeadLetter, findForDeadLetter, resolveBatch, reviveMessage } from '@contour/store';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { createDatabase, type Database } from '../../../test/support/fresh-database.ts';
import { messageTo } from '../../../test/support/messages.ts';
import { startTestRedis, type TestServer } from '../../../test/support/servers.ts';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { deadLetterEntry } from '../src/deliver/dead-letter.ts';
import { dropDeliveredLetters, keepDeadLetters } from '../src/pulse/keep-dead-letters.ts';

const REFUSAL = { code: 'http_400', message: 'Core answered 400' };
const logger = { info: () => undefined, warn: () => undefined } as never;

let redis: TestServer;
let database: Database;
let dlq: Dlq;
let tenant: TestTenant;
beforeAll(async () => {
  redis = await startTestRedis();
  database = await createDatabase(inject('postgresUrl'));
  dlq = createDlq({ redisUrl: redis.url, onError: () => undefined, maxParkedPerAccount: 1_000 });
});
beforeEach(async () => {
  tenant = await addTestTenant(database.pool);
  await dlq.clear({});
  await database.pool.query("update messages set status = 'delivered'");
});
afterAll(async () => {
  await dlq?.close();
  await database?.drop();
  await redis?.close();
});

/** A message of the ledger, in this state, as it is told where it cannot go on. */
async function messageThatIs(status: 'pending' | 'delivered' | 'dead'): Promise<DeadLetter> {
  const checked = checkIncoming(messageTo(tenant.accounts.telegram));
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  const { message } = checked;
  await resolveBatch(database.pool, [{ message, phone: null }], {
    linkByPhone: true,
    shardCount: 16,
  });
  await database.pool.query(
    `update messages set status = $2, attempts = 1, last_error = 'http_400' where id = $1`,
    [message.messageId, status],
  );
  const key = { tenantId: tenant.id, messageId: message.messageId };
  const [letter] = await findForDeadLetter(database.pool, [key]);
  if (letter === undefined) throw new Error('the message is not there');
  return letter;
}

const parkEntryOf = (letter: DeadLetter) =>
  dlq.park(deadLetterEntry(letter, REFUSAL, 'core_refused'));

async function entries(): Promise<string[]> {
  return (await dlq.list({}, { limit: 100 })).items.map(
    ({ id, error }) => `${id} ${error.message}`,
  );
}

const keep = (own: Partial<Dlq> = {}) =>
  keepDeadLetters({
    dlq: { ...dlq, ...own, keeping: async () => 'nothing' },
    pool: database.pool,
    logger,
  });

test('what is dead and has no entry gets one', async () => {
  const dead = await messageThatIs('dead');
  await messageThatIs('pending');
  await messageThatIs('delivered');
  await keep();
  expect(await entries()).toEqual([`${dead.message.messageId} restored from the ledger`]);
});

test('what a replay revives while entries are restored keeps none', async () => {
  const { message } = await messageThatIs('dead');
  const key = { tenantId: tenant.id, messageId: message.messageId };
  await keep({
    // The replay comes to its end between the look at the ledger and the entry.
    async park(entry) {
      await reviveMessage(database.pool, key, 16);
      await dlq.remove(message.messageId);
      return dlq.park(entry);
    },
  });
  expect(await entries()).toEqual([]);
});

test('what was revived and refused again meanwhile keeps the entry of the refusal', async () => {
  const letter = await messageThatIs('dead');
  const { messageId } = letter.message;
  await keep({
    async park(entry) {
      await reviveMessage(database.pool, { tenantId: tenant.id, messageId }, 16);
      const parked = await dlq.park(entry);
      await parkEntryOf(letter);
      return parked;
    },
  });
  expect(await entries()).toEqual([`${messageId} ${REFUSAL.message}`]);
});

test('an entry about a message that Core has taken is dropped, and no other', async () => {
  const kept = [await messageThatIs('dead'), await messageThatIs('pending')];
  const delivered = await messageThatIs('delivered');
  for (const letter of [...kept, delivered]) await parkEntryOf(letter);
  await dropDeliveredLetters({ dlq, pool: database.pool, logger });
  const expected = kept.map(({ message }) => `${message.messageId} ${REFUSAL.message}`);
  expect((await entries()).sort()).toEqual(expected.sort());
});

test('an entry that took the place of one about Core is not dropped with it', async () => {
  const delivered = await messageThatIs('delivered');
  await parkEntryOf(delivered);
  const { messageId } = delivered.message;
  const conflict = {
    ...deadLetterEntry(delivered, REFUSAL, 'core_refused'),
    ...{ stage: 'resolve' as const, reason: 'conflict' as const },
  };
  const own: Partial<Dlq> = {
    async *matching(...args) {
      for await (const page of dlq.matching(...args)) {
        await dlq.remove(messageId);
        await dlq.park(conflict);
        yield page;
      }
    },
  };
  await dropDeliveredLetters({ dlq: { ...dlq, ...own }, pool: database.pool, logger });
  expect(await entries()).toHaveLength(1);
});
