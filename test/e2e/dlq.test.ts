import { fingerprintOf } from '@contour/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf, messageTo } from '../support/messages.ts';
import { get, request, resolve } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { addAccount, makeCredential, type TestAccount } from '../support/tenants.ts';

let contour: Contour;
beforeAll(async () => {
  // Only the test replays entries.
  contour = await startContour({ env: { RELEASE_PARKED: 'false' } });
});
afterAll(() => contour?.close());

/** Two unknown accounts, with five parked messages and with two: new for each test. */
let busy: TestAccount;
let quiet: TestAccount;
let busyIds: string[];

const unknown = (): TestAccount => {
  const credential = makeCredential('telegram');
  return { id: 0, channel: 'telegram', credential, fingerprint: fingerprintOf(credential) };
};

async function park(account: TestAccount, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const body = messageTo(account, { text: `parked ${turn}` });
    expect((await resolve(contour.url, body)).status).toBe(404);
    ids.push(idOf(body));
  }
  return ids;
}

beforeEach(async () => {
  busy = unknown();
  quiet = unknown();
  busyIds = await park(busy, 5);
  await park(quiet, 2);
});

const list = (query: string) => get(`${contour.url}/dlq?${query}`);
const idsOf = (items: { id: string }[]) => items.map(({ id }) => id);

describe('GET /dlq', () => {
  test('returns pages, oldest first, and counts all matches', async () => {
    const pages: string[][] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await list(`fingerprint=${busy.fingerprint}&limit=2${more}`);
      expect(page.json.count).toBe(5);
      pages.push(idsOf(page.json.items));
      cursor = page.json.next;
    }
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1]);
    expect(pages.flat()).toEqual(busyIds);
  });

  test('filters by reason, tenant, fingerprint and time', async () => {
    const own = `fingerprint=${busy.fingerprint}`;
    expect((await list(own)).json.count).toBe(5);
    expect((await list(`${own}&reason=unknown_tenant`)).json.count).toBe(5);
    expect((await list(`${own}&reason=core_refused`)).json).toEqual({
      count: 0,
      items: [],
      next: null,
    });
    expect((await list(`${own}&tenant_id=00000000-0000-4000-8000-000000000000`)).json.count).toBe(
      0,
    );
    const third = (await get(`${contour.url}/dlq/${busyIds[2]}`)).json;
    const before = await list(`${own}&before=${encodeURIComponent(third.failed_at)}`);
    expect(before.json.count).toBe(2);
    expect(idsOf(before.json.items)).toEqual(busyIds.slice(0, 2));
  });

  test.each(['reason=nonsense', 'limit=0', 'limit=201', 'limit=x', 'tenant_id=1', 'before=now'])(
    '%s is 400',
    async (query) => {
      expect((await list(query)).status).toBe(400);
    },
  );

  test('a missing entry is 404', async () => {
    expect((await get(`${contour.url}/dlq/nothing`)).status).toBe(404);
    expect((await request('POST', `${contour.url}/dlq/nothing/replay`)).status).toBe(404);
  });
});

describe('POST /dlq/replay', () => {
  const replay = (body: object) => request('POST', `${contour.url}/dlq/replay`, { body });

  test('a dry run counts and changes nothing', async () => {
    const filter = { fingerprint: busy.fingerprint, dry_run: true };
    expect((await replay(filter)).json).toEqual({ matched: 5, replayed: 0 });
    expect((await list(`fingerprint=${busy.fingerprint}`)).json.count).toBe(5);
  });

  test('replays the matches once the account is registered, and leaves the rest', async () => {
    const tenant = await contour.addTenant();
    await addAccount(contour.database.pool, tenant.id, 'telegram', busy.credential);
    const some = await replay({ fingerprint: busy.fingerprint, limit: 2 });
    expect(some.json).toEqual({ matched: 2, replayed: 2 });
    expect(idsOf((await list(`fingerprint=${busy.fingerprint}`)).json.items)).toEqual(
      busyIds.slice(2),
    );
    const rest = await replay({ fingerprint: busy.fingerprint, reason: 'unknown_tenant' });
    expect(rest.json).toEqual({ matched: 3, replayed: 3 });
    for (const id of busyIds) await storyIn(contour, id, 'delivered');
    expect((await list(`fingerprint=${busy.fingerprint}`)).json.count).toBe(0);
    expect((await list(`fingerprint=${quiet.fingerprint}`)).json.count).toBe(2);
  });

  test('an entry that fails again stays, once', async () => {
    const again = await replay({ fingerprint: quiet.fingerprint });
    expect(again.json).toEqual({ matched: 2, replayed: 2 });
    expect((await list(`fingerprint=${quiet.fingerprint}`)).json.count).toBe(2);
  });

  test.each([{ reason: 'nonsense' }, { limit: 0 }, { dry_run: 'yes' }, { colour: 'red' }])(
    '%j is 400',
    async (body) => {
      expect((await replay(body)).status).toBe(400);
    },
  );
});

describe('DELETE /dlq', () => {
  const clear = (query: string) => request('DELETE', `${contour.url}/dlq${query}`);

  test.each([
    '',
    '?',
    '?colour=red',
    '?reason=nonsense',
    '?before=now',
    '?fingerprint=',
    '?limit=5',
  ])('with the filter "%s" is 400 and clears nothing', async (query) => {
    const { count } = (await list('')).json;
    const answer = await clear(query);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: 'invalid' });
    expect((await list('')).json.count).toBe(count);
  });

  test('clears the matches and returns their number', async () => {
    const answer = await clear(`?fingerprint=${busy.fingerprint}&reason=unknown_tenant`);
    expect(answer.json).toEqual({ cleared: true, count: 5 });
    expect((await list(`fingerprint=${busy.fingerprint}`)).json.count).toBe(0);
    expect((await list(`fingerprint=${quiet.fingerprint}`)).json.count).toBe(2);
    expect((await clear(`?fingerprint=${busy.fingerprint}`)).json).toEqual({
      cleared: true,
      count: 0,
    });
  });
});

test('the board is served', async () => {
  const board = await get(`${contour.url}/admin/queues`);
  expect(board.status).toBe(200);
  const { json } = await get(`${contour.url}/admin/queues/api/queues`);
  const names = json.queues.map(({ name }: { name: string }) => name);
  expect(names.sort()).toEqual(['deliver', 'dlq', 'graph', 'resolve']);
});
