import { within } from '@contour/runtime';
import {
  countParked,
  createPool,
  type Pool,
  pendingMigrations,
  ping,
  readPostgresFacts,
} from '@contour/store';
import { reasonOf } from '../reason-of.ts';
import { type Check, fail, ok, warn } from './check.ts';
import { checkClock } from './check-clock.ts';
import { checkSnapshots } from './check-snapshots.ts';
import { shownUrl } from './shown-setting.ts';

const OLDEST = 14;
const LOOK_MS = 3_000;

async function checkFacts(pool: Pool): Promise<Check[]> {
  const facts = await within(LOOK_MS, readPostgresFacts(pool), 'Postgres');
  const isOld = facts.versionNumber < OLDEST * 10_000;
  return [
    isOld
      ? fail('postgres version', facts.version, `upgrade to ${OLDEST} or later`)
      : ok('postgres version', facts.version),
    facts.isReadOnly
      ? fail('postgres writes', 'read-only', 'let DATABASE_URL name the primary')
      : ok('postgres writes', 'allowed'),
    facts.synchronousCommit === 'off'
      ? fail(
          'postgres durability',
          'synchronous_commit off',
          'set it on: a crash loses what was acknowledged',
        )
      : ok('postgres durability', `synchronous_commit ${facts.synchronousCommit}`),
    checkClock('postgres', facts.clockAheadMs),
  ];
}

async function checkMigrations(pool: Pool): Promise<Check> {
  const pending = await within(LOOK_MS, pendingMigrations(pool), 'Postgres');
  if (pending.length === 0) return ok('migrations', 'all applied');
  return fail('migrations', `pending: ${pending.join(', ')}`, 'run contour migrate');
}

async function checkParked(pool: Pool): Promise<Check> {
  const count = await within(LOOK_MS, countParked(pool, {}), 'Postgres');
  if (count === 0) return ok('dlq', 'empty');
  return warn('dlq', `${count} parked`, 'see contour dlq list: mend the cause, then replay them');
}

/** Whether the database can be reached and used. */
export async function checkPostgres(url: string): Promise<Check[]> {
  const pool = createPool({
    url,
    applicationName: 'contour-doctor',
    max: 1,
    statementTimeoutMs: 2_000,
    onError: () => {},
  });
  const where = `${shownUrl(url)}${new URL(url).pathname}`;
  const checks: Check[] = [];
  try {
    await within(LOOK_MS, ping(pool), 'Postgres');
    checks.push(ok('postgres', where));
    const migrations = await checkMigrations(pool);
    checks.push(...(await checkFacts(pool)));
    checks.push(await within(LOOK_MS, checkSnapshots(pool), 'Postgres'), migrations);
    // A database that is not migrated has no such table.
    if (migrations.state === 'ok') checks.push(await checkParked(pool));
  } catch (error) {
    const advice = 'start it, or correct DATABASE_URL; nothing is resolved or delivered without it';
    checks.push(fail('postgres', `${where}: ${reasonOf(error)}`, advice));
  } finally {
    // Not waited for: a server that stands still does not say goodbye either.
    pool.end().catch(() => undefined);
  }
  return checks;
}
