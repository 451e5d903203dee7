import type { DlqEntry } from '@contour/contract';
import type { Suspect, TenantCounts } from '@contour/store/audit';
import { expect, test } from 'vitest';
import { type AuditDeps, runAudit } from '../src/audit/audit.ts';
import type { AuditSources } from '../src/audit/checks.ts';
import { createSuspicion } from '../src/audit/suspicion.ts';

const TENANT = '00000000-0000-7000-8000-000000000001';

const COUNTS: TenantCounts = {
  ...{ clients: 1, identities: 1, dialogs: 1, messages: 3, lanes: 0 },
  ...{ delivered: 1, dead: 2, pending: 0 },
};

const entry = (id: string, stage: DlqEntry['stage'] = 'deliver') =>
  ({ id, stage, reason: 'core_refused', tenantId: TENANT }) as DlqEntry;

interface World {
  dead?: string[];
  entries?: DlqEntry[];
  cleared?: string[];
  suspects?: Record<string, Suspect[]>;
  strays?: Array<{ tenantId: string; table: string }>;
}

/** Postgres with these messages and entries. */
function sourcesOf(world: World): AuditSources {
  const { dead = [], entries = [], cleared = [], suspects = {}, strays = [] } = world;
  return {
    countTenant: async () => COUNTS,
    findSuspects: async (check, _scope, _keys, onSuspects) =>
      onSuspects(suspects[check.name] ?? []),
    strayTenants: async () => strays,
    deadMessages: async function* () {
      if (dead.length > 0) yield dead;
    },
    deadAmong: async (keys) => keys.filter(({ messageId }) => dead.includes(messageId)),
    entry: async (id) => entries.find((one) => one.id === id) ?? null,
    entries: async function* () {
      yield entries;
    },
    former: async (id) =>
      cleared.includes(id)
        ? { reason: 'core_refused', failedAt: '', leftAt: '', leaving: 'cleared' }
        : null,
    countUnmirrored: async () => ({ clients: 0, identities: 0, dialogs: 0 }),
  };
}

async function audit(world: World, queue?: AuditDeps['queue']) {
  const tables = sourcesOf(world);
  const deps = { tables, queue, mirror: undefined, onProgress: () => {}, pause: async () => {} };
  const order = { tenantIds: [TENANT], isWhole: true, streamShards: 2, retentionDays: 30 };
  const result = await runAudit(deps, order);
  const finding = (name: string) => result.findings.find(({ check }) => check === name);
  return { ...result, finding };
}

test('without violations the audit is ok, and checks of missing servers are skipped', async () => {
  const { ok, violations, tenants, counts, finding } = await audit({});
  expect({ ok, violations, tenants, counts }).toEqual({
    ...{ ok: true, violations: 0, tenants: 1, counts: COUNTS },
  });
  expect(finding('streams')).toMatchObject({ state: 'skipped', note: 'REDIS_URL is not set' });
  expect(finding('overdue')).toMatchObject({ state: 'skipped', note: 'REDIS_URL is not set' });
  expect(finding('graph')).toMatchObject({ state: 'skipped', note: 'NEO4J_URI is not set' });
});

test('a dead message without an entry is a violation', async () => {
  const { ok, violations, finding } = await audit({ dead: ['a', 'b'], entries: [entry('a')] });
  expect({ ok, violations }).toEqual({ ok: false, violations: 1 });
  expect(finding('dead')).toMatchObject({ state: 'violated', looked: 2, violations: 1 });
  expect(finding('dead')?.examples[0]).toContain('message b: dead');
});

test('a dead message whose entry an operator cleared is no violation', async () => {
  const { ok, finding } = await audit({ dead: ['a', 'b'], cleared: ['a', 'b'] });
  expect({ ok, finding: finding('dead') }).toMatchObject({ ok: true, finding: { looked: 2 } });
});

test('an entry about Core without a dead message is a violation, another entry is not', async () => {
  const entries = [entry('a'), entry('b'), entry('c', 'resolve')];
  const { finding } = await audit({ dead: ['a'], entries });
  expect(finding('dead-letters')).toMatchObject({ state: 'violated', looked: 2, violations: 1 });
  expect(finding('dead-letters')?.examples[0]).toContain('entry b (core_refused)');
});

test('a suspect of the tables is a violation, and rows of no tenant are, too', async () => {
  const suspect = { tenantId: TENANT, key: 'd', detail: 'dialog d: a gap' };
  const strays = [{ tenantId: 'gone', table: 'clients' }];
  const { violations, finding } = await audit({ suspects: { sequence: [suspect] }, strays });
  expect(violations).toBe(2);
  expect(finding('sequence')?.examples).toEqual([`dialog d: a gap (tenant ${TENANT})`]);
  expect(finding('strays')?.examples).toEqual(['clients has rows of gone, which is no tenant']);
});

test('a forgotten stream entry and an overdue lane are warnings', async () => {
  const overdue = { tenantId: TENANT, key: 'd', detail: 'dialog d: overdue' };
  const { ok, finding } = await audit(
    { suspects: { overdue: [overdue] } },
    {
      liveWorkers: async () => 1,
      pendingEntries: async () => 4,
      forgottenEntries: async (shard) =>
        shard === 1 ? [{ shard, id: '1-0', idleSeconds: 300, deliveries: 2 }] : [],
    },
  );
  expect(ok).toBe(true);
  expect(finding('overdue')).toMatchObject({ state: 'warning', violations: 1 });
  expect(finding('streams')).toMatchObject({ state: 'warning', looked: 8, violations: 1 });
  expect(finding('streams')?.examples[0]).toContain('contour:resolve:1 1-0: untouched for 300 s');
});

const suspectsOf = (count: number): Suspect[] =>
  Array.from({ length: count }, (_, n) => ({ tenantId: '', key: `${n}`, detail: `row ${n}` }));

test('a suspect that is gone at one of four looks is no violation', async () => {
  let looks = 0;
  const suspicion = createSuspicion(
    async (suspects) => {
      looks += 1;
      return looks < 4 ? [...suspects] : suspects.slice(1);
    },
    async () => {},
  );
  await suspicion.add(suspectsOf(3));
  expect(await suspicion.end()).toEqual({ violations: 2, examples: ['row 1', 'row 2'] });
});

test('after a thousand confirmed suspects, the next ones are believed without a look', async () => {
  let looks = 0;
  const suspicion = createSuspicion(
    async (suspects) => {
      looks += 1;
      return [...suspects];
    },
    async () => {},
  );
  await suspicion.add(suspectsOf(1_000));
  await suspicion.add(suspectsOf(500));
  const { violations, examples } = await suspicion.end();
  expect({ violations, examples: examples.length, looks }).toEqual({
    ...{ violations: 1_500, examples: 5, looks: 4 },
  });
});
