import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { checkMirror } from '../../../test/support/checker/check-mirror.ts';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { runContour as contour } from '../../../test/support/run-contour.ts';
import { addTestTenant } from '../../../test/support/tenants.ts';

async function openBundle() {
  const { pool, url, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const tenant = await addTestTenant(pool);
  const uri = inject('neo4j').uri ?? 'bolt://127.0.0.1:1';
  const env = { DATABASE_URL: url, NEO4J_URI: uri };
  return {
    pool,
    tenant,
    uri,
    env,
    verify: (...more: string[]) =>
      contour(['graph', 'verify', '--tenant', tenant.id, ...more], env),
    addClients: (count: number) =>
      pool.query(
        `insert into clients (tenant_id, id, name, graph_synced_at)
         select $1, gen_random_uuid(), 'client', now() from generate_series(1, $2::int)`,
        [tenant.id, count],
      ),
  };
}

describe.skipIf(inject('neo4j').uri === undefined)('graph verify', () => {
  test('says what is wrong, has it mended, and ends with 1 only where something stays wrong', async () => {
    const { pool, tenant, uri, verify, addClients } = await openBundle();
    await addClients(30);
    const found = await verify();
    expect(found).toMatchObject({ code: 1 });
    expect(found.stdout).toContain(
      'clients    30 in Postgres, 0 in the graph, 0 on their way, 30 wrong',
    );
    expect(found.stdout).toMatch(
      new RegExp(`missing client +[0-9a-f-]{36} of tenant ${tenant.id}`),
    );
    expect(found.stdout).toContain(
      '… and 10 more\n30 differences. Run again with --repair to mend them.\n',
    );
    expect(found.stderr).toMatch(/^Comparing .* 30 of 30 /m);

    const mended = await verify('--repair');
    expect(mended.stdout).toContain('Mended 30.');
    expect(mended.code).toBe(0);
    expect(await checkMirror(pool, uri)).toEqual([]);

    const equal = await verify();
    expect(equal.stdout).toMatch(/The graph shows what Postgres holds\.\n$/);
    expect(equal.stdout).toMatch(/checksum (\w{16}) and \1$/m);
    expect(equal.code).toBe(0);
  });
});

test('a Neo4j that is away is one clear line', async () => {
  const { env } = await openBundle();
  const { code, stderr } = await contour(['graph', 'verify'], {
    ...env,
    NEO4J_URI: 'bolt://127.0.0.1:1',
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^contour: Neo4j is away: .*127\.0\.0\.1:1.*\n$/);
});

test('what is missing in the environment is named', async () => {
  const { code, stderr } = await contour(['graph', 'verify']);
  expect(code).toBe(1);
  expect(stderr).toBe('contour: DATABASE_URL  is required\ncontour: NEO4J_URI     is required\n');
});
