import { expect, test } from 'vitest';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { addTestTenant } from '../../../test/support/tenants.ts';
import { findSuspects, type Suspect, strayTenants, TABLE_CHECKS } from '../src/index.ts';
import { SEEDS, setAuditScene } from './audit-scene.ts';
import { openBundle } from './bundle.ts';

async function suspectsOf(pool: Pool, tenantIds: string[]) {
  const found = new Map<string, Suspect[]>();
  for (const check of TABLE_CHECKS) {
    for (const tenantId of tenantIds) {
      await findSuspects(pool, check, { tenantId, retentionDays: 30 }, null, async (suspects) => {
        found.set(check.name, [...(found.get(check.name) ?? []), ...suspects]);
      });
    }
  }
  return found;
}

test('no check finds anything in correct rows, and no check relies on a constraint', async () => {
  const { pool, tenant } = await openBundle();
  await setAuditScene(pool, tenant);
  expect([...(await suspectsOf(pool, [tenant.id])).keys()]).toEqual([]);
  expect(await strayTenants(pool)).toEqual([]);
});

test.each(SEEDS)('%s is found, by %j alone', async (_what, checks, seed) => {
  const { pool, tenant } = await openBundle();
  const other = await addTestTenant(pool);
  await seed(await setAuditScene(pool, tenant), other);
  const found = await suspectsOf(pool, [tenant.id, other.id]);
  expect([...found.keys()].sort()).toEqual([...checks].sort());
  // The key of a finding finds it again, and its description contains no phone.
  for (const check of TABLE_CHECKS) {
    for (const { tenantId, key, detail } of found.get(check.name) ?? []) {
      const again: Suspect[] = [];
      await findSuspects(pool, check, { tenantId, retentionDays: 30 }, [key], async (left) => {
        again.push(...left);
      });
      expect(again.map((suspect) => suspect.detail)).toContain(detail);
      expect(detail).not.toContain('+7999');
    }
  }
});

test('a message that retention has deleted does not count as missing', async () => {
  const { pool, tenant } = await openBundle();
  const { sql } = await setAuditScene(pool, tenant);
  await sql("update messages set resolved_at = now() - interval '31 days'");
  await sql("update dialogs set created_at = now() - interval '31 days'");
  for (const gone of ['seq = 1', 'seq = 3', 'true']) {
    await sql(`delete from messages where ${gone}`);
    expect([...(await suspectsOf(pool, [tenant.id])).keys()]).toEqual([]);
  }
});

test('a message that is missing behind a recent one was not removed by retention', async () => {
  const { pool, tenant } = await openBundle();
  const { sql } = await setAuditScene(pool, tenant);
  await sql("update dialogs set created_at = now() - interval '31 days'");
  await sql('delete from messages where seq = 2');
  expect([...(await suspectsOf(pool, [tenant.id])).keys()]).toEqual(['sequence']);
});

test('rows of a tenant that does not exist are found in every table', async () => {
  const { pool, tenant } = await openBundle();
  const { sql } = await setAuditScene(pool, tenant);
  await sql('alter table tenants disable trigger all');
  await sql('delete from tenants where id = $1', tenant.id);
  expect((await strayTenants(pool)).map(({ table }) => table).sort()).toEqual([
    ...['channel_accounts', 'client_channels', 'clients', 'dialogs', 'messages'],
  ]);
});

test('no snapshot is open while the caller works on the findings', async () => {
  const { pool, tenant } = await openBundle();
  const { sql } = await setAuditScene(pool, tenant);
  await sql('delete from messages where seq = 2');
  const check = TABLE_CHECKS.find(({ name }) => name === 'sequence');
  if (check === undefined) throw new Error('there is no such check');
  const held: unknown[] = [];
  await findSuspects(pool, check, { tenantId: tenant.id, retentionDays: 30 }, null, async () => {
    const { rows } = await pool.query(
      `select count(*)::int as n from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
          and (backend_xmin is not null or backend_xid is not null)`,
    );
    held.push(rows[0]?.n);
  });
  expect(held).toEqual([0]);
});
