import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { findReleasable, park } from '../src/dead-letters/index.ts';
import { findAnswer } from '../src/messages/index.ts';
import { findTenants, resolveBatch } from '../src/resolve/index.ts';
import {
  listChannelAccounts,
  registerChannelAccount,
  rotateChannelAccount,
} from '../src/tenants/index.ts';
import { arrival, type Bundle, kinds, OPTIONS, openBundle } from './bundle.ts';
import { entry, letter } from './letters.ts';

const fresh = () => `secret-new-${randomBytes(12).toString('hex')}`;
const HOUR_MS = 3_600_000;

const withCredential = (fingerprint: string, change: Record<string, unknown> = {}) => ({
  account_fingerprint: fingerprint,
  ...change,
});

async function kindsOf(bundle: Bundle, ...arrivals: Parameters<Bundle['resolve']>) {
  const { outcomes } = await bundle.resolve(...arrivals);
  return kinds(outcomes);
}

async function rotate({ pool }: Bundle, id: number, credential: string, keepMs = HOUR_MS) {
  const given = await rotateChannelAccount(pool, { id, credential, keepMs });
  if (given === undefined) throw new Error('there is no such account');
  return given;
}

/** Ends the time of the old credentials. */
const endKeeping = ({ pool }: Bundle, id: number) =>
  pool.query("update channel_accounts set previous_until = now() - interval '1 ms' where id = $1", [
    id,
  ]);

const telegram = (tenant: TestTenant) => tenant.accounts.telegram;

it('finds an account by both its credentials, and keeps its dialog', async () => {
  const bundle = await openBundle();
  const { id, fingerprint: old } = telegram(bundle.tenant);
  await bundle.resolve(arrival(bundle.tenant));
  const given = await rotate(bundle, id, fresh());
  if (given.kind !== 'done') throw new Error(given.kind);
  const now = given.account.fingerprint;
  const kinds = await kindsOf(
    bundle,
    arrival(bundle.tenant, withCredential(old)),
    arrival(bundle.tenant, withCredential(now)),
  );
  expect(kinds).toEqual(['resolved', 'resolved']);
  expect(await bundle.count('dialogs')).toBe(1);
  expect(await bundle.count(`messages where channel_account_id = ${id}`)).toBe(3);
});

it('refuses the old credential when its time is over, except for duplicates', async () => {
  const bundle = await openBundle();
  const { id, fingerprint: old } = telegram(bundle.tenant);
  const accepted = arrival(bundle.tenant);
  await bundle.resolve(accepted);
  const given = await rotate(bundle, id, fresh());
  await endKeeping(bundle, id);
  const now = 'account' in given ? given.account.fingerprint : '';
  const kinds = await kindsOf(
    bundle,
    arrival(bundle.tenant, withCredential(old)),
    arrival(bundle.tenant, withCredential(now)),
    accepted,
  );
  expect(kinds).toEqual(['unknown_tenant', 'resolved', 'replayed']);
  expect(await findAnswer(bundle.pool, accepted.message)).not.toBeNull();
});

it('names the former tenant of an expired credential, and accepts no message by it', async () => {
  const bundle = await openBundle();
  const { pool, tenant } = bundle;
  const { id } = telegram(tenant);
  await rotate(bundle, id, fresh());
  await endKeeping(bundle, id);
  const { outcomes } = await bundle.resolve(arrival(tenant));
  expect(outcomes).toEqual([{ kind: 'unknown_tenant', tenantId: tenant.id }]);
  const parked = letter(entry({ message: arrival(tenant).message }));
  await park(pool, [parked], { count: 10, bytes: 2 ** 20 });
  expect(await findReleasable(pool)).toEqual([]);
});

it('resolves for the one tenant that the caller names', async () => {
  const bundle = await openBundle();
  const { pool, tenant } = bundle;
  const other = await addTestTenant(pool);
  const options = { ...OPTIONS, onlyFor: tenant.id };
  const { outcomes } = await resolveBatch(pool, [arrival(other), arrival(tenant)], options);
  expect(outcomes).toMatchObject([
    { kind: 'unknown_tenant' },
    { kind: 'resolved', receipt: { tenantId: tenant.id } },
  ]);
  expect(await bundle.count('messages')).toBe(1);
});

it('keeps no old credential if the time for it is zero', async () => {
  const bundle = await openBundle();
  const { id } = telegram(bundle.tenant);
  const given = await rotate(bundle, id, fresh(), 0);
  expect(given).toMatchObject({ kind: 'done', account: { previous: null } });
  expect(await kindsOf(bundle, arrival(bundle.tenant))).toEqual(['unknown_tenant']);
});

it('finds the current account of a credential before a former one', async () => {
  const bundle = await openBundle();
  const { id, credential } = telegram(bundle.tenant);
  await rotate(bundle, id, fresh());
  const other = await addTestTenant(bundle.pool);
  // By hand, because the command would refuse it.
  await bundle.pool.query(
    'insert into channel_accounts (tenant_id, channel_id, account_id) values ($1, 1, $2)',
    [other.id, credential],
  );
  const { outcomes } = await bundle.resolve(arrival(bundle.tenant));
  expect(outcomes).toMatchObject([{ kind: 'resolved', receipt: { tenantId: other.id } }]);
});

it('refuses a credential that another account has, or had a moment ago', async () => {
  const bundle = await openBundle();
  const { pool } = bundle;
  const other = await addTestTenant(pool);
  const { id, credential: before } = telegram(bundle.tenant);
  const current = fresh();
  await rotate(bundle, id, current);
  for (const credential of [before, current]) {
    const order = { tenantId: other.id, channel: 'telegram' as const, credential };
    const taken = { kind: 'taken', holder: { id } };
    expect(await registerChannelAccount(pool, order)).toMatchObject(taken);
    expect(await rotate(bundle, telegram(other).id, credential)).toMatchObject(taken);
  }

  await endKeeping(bundle, id);
  expect(await rotate(bundle, telegram(other).id, before)).toMatchObject({ kind: 'done' });
  expect(await rotate(bundle, telegram(other).id, fresh())).toMatchObject({ kind: 'done' });
});

it('allows to rotate back, and changes nothing when repeated', async () => {
  const bundle = await openBundle();
  const { id, credential: first, fingerprint } = telegram(bundle.tenant);
  const second = fresh();
  await rotate(bundle, id, second);
  expect(await rotate(bundle, id, second)).toMatchObject({
    kind: 'unchanged',
    account: { previous: { fingerprint } },
  });
  expect(await rotate(bundle, id, first)).toMatchObject({ kind: 'done' });
  const order = { tenantId: bundle.tenant.id, channel: 'telegram' as const, credential: first };
  expect(await registerChannelAccount(bundle.pool, order)).toMatchObject({ kind: 'unchanged' });
});

it('gives a credential to one of many accounts that request it at once', async () => {
  const bundle = await openBundle();
  const { pool, tenant } = bundle;
  const others = await Promise.all([addTestTenant(pool), addTestTenant(pool)]);
  const credential = fresh();
  const given = await Promise.all([
    rotate(bundle, telegram(tenant).id, credential),
    ...others.map((other) =>
      registerChannelAccount(pool, { tenantId: other.id, channel: 'telegram', credential }),
    ),
  ]);
  expect(given.map(({ kind }) => kind).sort()).toEqual(['done', 'taken', 'taken']);
});

it('lists accounts without their credentials', async () => {
  const bundle = await openBundle();
  const { id, credential } = telegram(bundle.tenant);
  const current = fresh();
  await rotate(bundle, id, current);
  const accounts = await listChannelAccounts(bundle.pool, bundle.tenant.id);
  expect(accounts).toHaveLength(5);
  expect(JSON.stringify(accounts)).not.toContain(current);
  expect(JSON.stringify(accounts)).not.toContain(credential);
});

it('looks a batch up by indexes alone', async () => {
  const { pool, tenant } = await openBundle();
  await pool.query(
    `insert into channel_accounts (tenant_id, channel_id, account_id, previous_fingerprint, previous_until)
     select $1, 1, 'many ' || n, case when n % 10 = 0 then md5(n::text) end, now()
       from generate_series(1, 20000) n`,
    [tenant.id],
  );
  await pool.query('analyze channel_accounts');
  let text = '';
  const listening = {
    query: async (config: { text: string }) => {
      text = config.text;
      return { rows: [] };
    },
  };
  await findTenants(listening as never, [arrival(tenant).message]);

  const client = await pool.connect();
  try {
    await client.query(`prepare look (smallint[], text[]) as ${text}`);
    for (const mode of ['force_generic_plan', 'force_custom_plan']) {
      await client.query(`set plan_cache_mode = ${mode}`);
      const asked = "explain execute look (array[1, 1]::smallint[], array['a', 'b'])";
      const { rows } = await client.query<Record<'QUERY PLAN', string>>(asked);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toContain('channel_accounts_fingerprint');
      expect(plan).toContain('channel_accounts_previous');
      expect(plan).not.toContain('Seq Scan on channel_accounts');
    }
  } finally {
    client.release(true);
  }
});
