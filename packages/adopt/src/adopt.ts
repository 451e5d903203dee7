import type { Database } from '@contour/store/database';
import { migrationNames, pendingMigrations } from '@contour/store/migrations';
import {
  FIRST_MIGRATION,
  type PoolClient,
  readMigration,
  splitSql,
  takeTurn,
} from '@contour/store/schema';
import { applySteps } from './apply.ts';
import type { AdoptOptions } from './batches.ts';
import { findRelations, LEGACY_TABLES } from './legacy-shape.ts';
import { namesMadeBy } from './migration-statements.ts';
import { phoneFindings, rowFindings } from './row-findings.ts';
import { withOwnSession } from './session.ts';
import { type Finding, structureFindings } from './structure-findings.ts';

// Not the lock of `migrate`: a process that waits for that one would delay every index made here.
// Not the lock for giving out credentials either: it would be held for the whole adoption.
const ADVISORY_LOCK = 4_712_008_120;
/** A killed run may have left a statement running. The server ends it when it misses its client. */
const PATIENCE = {
  withinMs: 120_000,
  refusal: 'another adoption of this database is running',
};

/** `empty`: nothing to adopt, migrate makes the tables; `ours`: the migrations have been applied. */
type AdoptionState = 'empty' | 'ours' | 'theirs';

export interface Adoption {
  state: AdoptionState;
  findings: Finding[];
}

export interface Applied extends Adoption {
  /** Steps that wait for a decision; none when the database has been adopted. */
  left: string[];
  /** The rows that were replaced or removed, counted by reason. */
  setAside: Array<{ reason: string; count: number }>;
}

async function stateOf(pool: Database): Promise<AdoptionState> {
  if (!(await pendingMigrations(pool)).includes(FIRST_MIGRATION)) return 'ours';
  return (await findRelations(pool, LEGACY_TABLES)).length > 0 ? 'theirs' : 'empty';
}

async function inspect(client: PoolClient, options: AdoptOptions): Promise<Finding[]> {
  const statements: string[] = [];
  for (const name of await migrationNames()) {
    statements.push(...splitSql(await readMigration(name)));
  }
  // Once an adoption has begun, the relations with our names are its own.
  const [begun] = await findRelations(client, ['contour_adoption']);
  const structure = await structureFindings(client, begun ? [] : namesMadeBy(statements));
  if (structure.length > 0) return structure;
  return rowFindings(client, options);
}

/** Reports what stands in the way of an adoption, and changes nothing. */
export async function checkAdoption(pool: Database, options: AdoptOptions): Promise<Adoption> {
  const state = await stateOf(pool);
  if (state !== 'theirs') return { state, findings: [] };
  return withOwnSession(pool, options.signal, async (client) => {
    const findings = await inspect(client, options);
    if (findings.some(({ verdict }) => verdict === 'cannot')) return { state, findings };
    return { state, findings: [...findings, ...(await phoneFindings(client, options))] };
  });
}

/** Takes every step that needs no decision of the owner; may be stopped at any point and run again. */
export async function applyAdoption(pool: Database, options: AdoptOptions): Promise<Applied> {
  const state = await stateOf(pool);
  if (state !== 'theirs') return { state, findings: [], left: [], setAside: [] };
  return withOwnSession(pool, options.signal, async (client) => {
    await takeTurn(client, ADVISORY_LOCK, PATIENCE);
    const findings = await inspect(client, options);
    const decisions = findings.filter(({ verdict }) => verdict !== 'apply');
    if (decisions.some(({ verdict }) => verdict === 'cannot')) {
      return { state, findings: decisions, left: ['everything'], setAside: [] };
    }
    const left = await applySteps(client, decisions, options);
    const { rows: setAside } = await client.query<{ reason: string; count: number }>(
      `select table_name || ': ' || reason as reason, count(*)::int as count
         from contour_adoption_set_aside group by 1 order by 1`,
    );
    return { state, findings: decisions, left, setAside };
  });
}
