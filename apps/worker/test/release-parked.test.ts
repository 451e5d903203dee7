import { AppError, checkIncoming, type IncomingMessage } from '@contour/contract';
import { createRegistry } from '@contour/runtime';
import { deadLetters } from '@contour/store/dead-letters';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest';
import { createDatabase, type Database } from '../../../test/support/fresh-database.ts';
import {
  addAccount,
  addTestTenant,
  makeCredential,
  switchTenant,
  type TestTenant,
} from '../../../test/support/tenants.ts';
import { createDlq, type Dlq } from '../src/dlq/dlq.ts';
import { unresolvedLetter } from '../src/dlq/letters.ts';
import { releaseParkedDuty } from '../src/duties/release-parked.ts';
import { createResolver, type Resolver } from '../src/resolve/resolver.ts';
import { uncounted } from './unheard.ts';

/** More than one page of entries. */
const MANY = 205;
const PAGE = 200;

let database: Database;
let dlq: Dlq;
let tenant: TestTenant;
let resolver: Resolver;
const told: string[] = [];
const note = (_: unknown, event: string) => void told.push(event);
const logger = { info: note, warn: note, error: note, debug: () => undefined } as never;

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'));
  const room = { count: 1_000, bytes: 2 ** 30 };
  const unheard = { forgetQueued() {}, show() {}, observer: uncounted };
  dlq = createDlq({ pool: database.pool, allowance: room, refused: room, ...unheard, logger });
  resolver = createResolver({
    concurrency: 10,
    pool: database.pool,
    logger,
    observer: uncounted,
    tracer: undefined,
    wake: () => undefined,
    wakeGraph: () => undefined,
    stopping: new AbortController().signal,
    linkByPhone: true,
    phoneRegion: 'RU',
    shardCount: 16,
  });
});
beforeEach(async () => {
  tenant = await addTestTenant(database.pool);
  told.length = 0;
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => vi.useRealTimers());
afterAll(async () => {
  await database?.drop();
});

/** Parks messages that came, one a millisecond, while the tenant was switched off. */
async function parkSome(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const body = {
      channel: 'telegram',
      account_fingerprint: tenant.accounts.telegram.fingerprint,
      external_chat_id: 'chat',
      text: `message ${at}`,
      message_ids: [`${at}`],
    };
    const checked = checkIncoming(body, new Date(1_700_000_000_000 + at));
    if (!checked.ok) throw new Error('the test sends what is not valid');
    const outcome = { kind: 'tenant_disabled', tenantId: tenant.id } as const;
    await dlq.park(unresolvedLetter(checked.message, outcome, 1));
    ids.push(checked.message.messageId);
  }
  return ids;
}

/** A release whose clock moves only by `runAfter`. */
function openRelease(resolveAll: Resolver['resolveAll']) {
  const registry = createRegistry();
  const { run } = releaseParkedDuty({
    ...{ pool: database.pool, dlq, resolveAll, logger, registry, id: 'worker' },
    stopping: new AbortController().signal,
  });
  return {
    async released() {
      const metrics = await registry.metrics();
      return Number(/^contour_dlq_released_total (\d+)$/m.exec(metrics)?.[1]);
    },
    async runAfter(ms: number) {
      vi.advanceTimersByTime(ms);
      await run();
    },
  };
}

const storedFor = async ({ id }: TestTenant): Promise<number> =>
  (await database.pool.query('select from messages where tenant_id = $1', [id])).rowCount ?? 0;

const parkedFor = async ({ id }: TestTenant): Promise<number> =>
  (await deadLetters(database.pool).list({ tenantId: id }, { limit: 1 })).count;

test('an account that changes hands midway brings its new tenant no entry of the old one', async () => {
  const other = await addTestTenant(database.pool);
  const { id, credential } = tenant.accounts.telegram;
  await parkSome(MANY);
  let isSwapped = false;
  async function swap(): Promise<void> {
    const replace = 'update channel_accounts set account_id = $2 where id = $1';
    await database.pool.query(replace, [id, makeCredential('telegram')]);
    await addAccount(database.pool, other.id, 'telegram', credential);
    isSwapped = true;
  }
  const release = openRelease(async (messages, onlyFor) => {
    const endings = await resolver.resolveAll(messages, onlyFor);
    if (!isSwapped) await swap();
    return endings;
  });
  await release.runAfter(0);
  await release.runAfter(2_000);
  expect(await release.released()).toBe(PAGE);
  expect(await storedFor(tenant)).toBe(PAGE);
  expect(await storedFor(other)).toBe(0);
  expect(await parkedFor(tenant)).toBe(MANY - PAGE);
});

test('a tenant that is switched off midway gets the rest when it is on again', async () => {
  await parkSome(MANY);
  const release = openRelease(async (messages, onlyFor) => {
    const endings = await resolver.resolveAll(messages, onlyFor);
    if ((await release.released()) === 0) await switchTenant(database.pool, tenant.id, false);
    return endings;
  });
  await release.runAfter(0);
  await release.runAfter(2_000);
  expect(await release.released()).toBe(PAGE);
  expect(await parkedFor(tenant)).toBe(MANY - PAGE);
  await release.runAfter(2_000);
  expect(await parkedFor(tenant)).toBe(MANY - PAGE);
  await switchTenant(database.pool, tenant.id, true);
  await release.runAfter(2_000);
  await release.runAfter(2_000);
  expect(await storedFor(tenant)).toBe(MANY);
  expect(await parkedFor(tenant)).toBe(0);
});

test('an entry that fails for a lasting reason rests longer each time, and is then left to an operator', async () => {
  const [failing = '', ...others] = await parkSome(3);
  let tries = 0;
  const failOne = (message: IncomingMessage) => message.messageId === failing;
  const release = openRelease(async (messages, onlyFor) => {
    const endings = await resolver.resolveAll(
      messages.filter((message) => !failOne(message)),
      onlyFor,
    );
    if (!messages.some(failOne)) return endings;
    tries += 1;
    return [new AppError('unexpected', 'a bug', undefined), ...endings];
  });
  await release.runAfter(0);
  await release.runAfter(2_000);
  expect(await release.released()).toBe(others.length);
  for (const restMs of [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000]) {
    const before = tries;
    await release.runAfter(restMs - 1);
    expect(tries).toBe(before);
    await release.runAfter(1);
    expect(tries).toBe(before + 1);
  }
  expect(await deadLetters(database.pool).get(failing)).toMatchObject({
    ...{ reason: 'stalled', tenantId: tenant.id, attempts: 9 },
    ...{ error: { code: 'stalled', message: 'a bug' }, message: { text: 'message 0' } },
  });
  await release.runAfter(600_000);
  expect(tries).toBe(8);
  expect(told.filter((event) => event === 'dlq.not_released')).toHaveLength(7);
  expect(told.filter((event) => event === 'dlq.release_given_up')).toHaveLength(1);
});

test('an entry that meets a lock is not overtaken by the later ones of its chat', async () => {
  const ids = await parkSome(MANY);
  const failing = ids[PAGE - 1];
  let isLocked = true;
  const release = openRelease(async (messages, onlyFor) => {
    const free = messages.filter(({ messageId }) => !isLocked || messageId !== failing);
    const endings = await resolver.resolveAll(free, onlyFor);
    if (free.length === messages.length) return endings;
    return [...endings, new AppError('postgres_busy', 'a lock', undefined)];
  });
  await release.runAfter(0);
  await release.runAfter(2_000);
  expect(await storedFor(tenant)).toBe(PAGE - 1);
  isLocked = false;
  await release.runAfter(1_000);
  expect(await storedFor(tenant)).toBe(PAGE - 1);
  await release.runAfter(1_000);
  expect(await storedFor(tenant)).toBe(MANY);
  const { rows } = await database.pool.query<{ id: string }>(
    'select id from messages where tenant_id = $1 order by seq',
    [tenant.id],
  );
  expect(rows.map(({ id }) => id)).toEqual(ids);
});
