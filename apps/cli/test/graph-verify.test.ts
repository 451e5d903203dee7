import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { checkMirror } from '../../../test/support/checker/check-mirror.ts';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { addTestTenant } from '../../../test/support/tenants.ts';
import { contourHere } from './contour-here.ts';

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
    args: ['graph', 'verify', '--tenant', tenant.id],
    addClients: (count: number) =>
      pool.query(
        `insert into clients (tenant_id, id, name, graph_synced_at)
         select $1, gen_random_uuid(), 'client', now() from generate_series(1, $2::int)`,
        [tenant.id, count],
      ),
  };
}

describe.skipIf(inject('neo4j').uri === undefined)('graph verify', () => {
  test('reports differences, mends them, and ends with 1 only if something stays wrong', async () => {
    const { pool, tenant, uri, env, args, addClients } = await openBundle();
    await addClients(30);
    const found = await runContour(args, env);
    expect(found).toMatchObject({ code: 1 });
    expect(found.stdout).toContain(
      'clients    30 in Postgres, 0 in the graph, 0 on their way, 30 wrong',
    );
    expect(found.stdout).toMatch(
      new RegExp(`missing +client +[0-9a-f-]{36} of tenant ${tenant.id}`),
    );
    expect(found.stdout).toContain(
      '… and 10 more\n30 differences. Run again with --repair to mend them.\n',
    );
    expect(found.stderr).toMatch(/^Comparing .* 30 of 30 /m);

    const mended = await runContour([...args, '--repair'], env);
    expect(mended.stdout).toContain('Mended 30.');
    expect(mended.code).toBe(0);
    expect(await checkMirror(pool, uri)).toEqual([]);

    const equal = await contourHere(args, env);
    expect(equal.stdout).toMatch(/The graph shows what Postgres holds\.\n$/);
    expect(equal.stdout).toMatch(/checksum (\w{16}) and \1$/m);
    expect(equal.code).toBe(0);
  });

  test('--json has the differences by kind, with examples, and the number of mended ones', async () => {
    const { pool, tenant, env, addClients } = await openBundle();
    await addClients(2);
    const { rows } = await pool.query('select name from tenants where id = $1', [tenant.id]);
    const args = ['graph', 'verify', '--tenant', rows[0].name, '--json'];
    const found = await contourHere(args, env);
    const verified = JSON.parse(found.stdout);
    expect({ code: found.code, ...verified }).toMatchObject({
      ...{ code: 1, equal: false, wrong: 2, waiting: 0, keyless: 0, repaired: 0, refused: [] },
      examples: [{ problem: 'missing', kind: 'clients', tenant_id: tenant.id, channel: null }, {}],
    });
    expect(verified.kinds.map(({ kind }: { kind: string }) => kind)).toEqual([
      'clients',
      'identities',
      'dialogs',
    ]);
    expect(verified.kinds[0]).toEqual({
      ...{ kind: 'clients', in_postgres: 2, in_graph: 0, waiting: 0 },
      ...{ missing: 2, different: 0, extra: 0 },
      checksums: { postgres: expect.any(String), graph: expect.any(String) },
    });
    const mended = JSON.parse((await contourHere([...args, '--repair'], env)).stdout);
    expect(mended).toMatchObject({ equal: true, wrong: 2, repaired: 2 });
    const after = JSON.parse((await contourHere(args, env)).stdout);
    expect(after).toMatchObject({ equal: true, wrong: 0, examples: [] });
  });
});

test('a Neo4j that is away is named in one line', async () => {
  const { env } = await openBundle();
  const { code, stderr } = await contourHere(['graph', 'verify'], {
    ...env,
    NEO4J_URI: 'bolt://127.0.0.1:1',
  });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^contour: Neo4j is away: .*127\.0\.0\.1:1.*\n$/);
});
