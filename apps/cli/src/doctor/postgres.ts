import { within } from '@contour/runtime';
import {
  createPool,
  type Database,
  type OldestSnapshots,
  type OldSnapshot,
  oldestSnapshots,
  type PostgresFacts,
  ping,
  readPostgresFacts,
} from '@contour/store/database';
import { countParked } from '@contour/store/dead-letters';
import { pendingMigrations } from '@contour/store/migrations';
import { reasonOf } from '../servers.ts';
import { type Check, checkClock, fail, LOOK_MS, ok, shownUrl, warn } from './check.ts';

const OLDEST = 14;

/** Longer than any transaction of Contour, except an audit. */
const OLD_SECONDS = 15 * 60;
/** As many as a busy installation has in a few hours. */
const MANY_TRANSACTIONS = 5_000_000;

function checkFacts(facts: PostgresFacts): Check[] {
  const isOld = facts.versionNumber < OLDEST * 10_000;
  const durability = `synchronous_commit ${facts.synchronousCommit}`;
  const setOn = 'set it on: a crash loses what was acknowledged';
  return [
    isOld
      ? fail('postgres version', facts.version, `upgrade to ${OLDEST} or later`)
      : ok('postgres version', facts.version),
    facts.isReadOnly
      ? fail('postgres writes', 'read-only', 'let DATABASE_URL name the primary')
      : ok('postgres writes', 'allowed'),
    facts.synchronousCommit === 'off'
      ? fail('postgres durability', durability, setOn)
      : ok('postgres durability', durability),
    checkClock('postgres', facts.clockAheadMs),
  ];
}

const inMinutes = (seconds: number) => `${Math.round(seconds / 60)} min`;

function describe({ holder, seconds, transactions }: OldSnapshot): string {
  return seconds === null
    ? `${holder}, ${transactions} transactions behind`
    : `${holder}, open for ${inMinutes(seconds)}`;
}

/** Warns of a session or a replication slot that holds an old snapshot. */
export function checkSnapshots({ inTime, inTransactions }: OldestSnapshots): Check {
  const old = (inTime?.seconds ?? 0) > OLD_SECONDS ? inTime : null;
  const far = (inTransactions?.transactions ?? 0) > MANY_TRANSACTIONS ? inTransactions : null;
  const found = old ?? far;
  if (found === null) {
    return ok('postgres snapshots', `oldest open for ${inMinutes(inTime?.seconds ?? 0)}`);
  }
  const advice = 'end it: while it is open, deleted rows stay and queries become slower';
  return warn('postgres snapshots', describe(found), advice);
}

function checkMigrations(pending: readonly string[]): Check {
  if (pending.length === 0) return ok('migrations', 'all applied');
  return fail('migrations', `pending: ${pending.join(', ')}`, 'run contour migrate');
}

function checkParked(count: number): Check {
  if (count === 0) return ok('dlq', 'empty');
  const advice = 'see contour dlq list: remove the cause, then replay them';
  return warn('dlq', `${count} parked`, advice);
}

async function look(pool: Database, checks: Check[]): Promise<void> {
  const soon = <T>(answer: Promise<T>) => within(LOOK_MS, answer, 'Postgres');
  const migrations = checkMigrations(await soon(pendingMigrations(pool)));
  checks.push(...checkFacts(await soon(readPostgresFacts(pool))));
  checks.push(checkSnapshots(await soon(oldestSnapshots(pool))), migrations);
  // Without the migrations, the table is missing.
  if (migrations.state === 'ok') checks.push(checkParked(await soon(countParked(pool, {}))));
}

/** Checks that the database can be reached and used. */
export async function examinePostgres(url: string): Promise<Check[]> {
  const limits = { max: 1, statementTimeoutMs: 2_000 };
  const pool = createPool({ url, applicationName: 'contour-doctor', ...limits, onError: () => {} });
  const where = `${shownUrl(url)}${new URL(url).pathname}`;
  const checks: Check[] = [];
  try {
    await within(LOOK_MS, ping(pool), 'Postgres');
    checks.push(ok('postgres', where));
    await look(pool, checks);
  } catch (error) {
    const advice = 'start it, or correct DATABASE_URL; nothing is resolved or delivered without it';
    checks.push(fail('postgres', `${where}: ${reasonOf(error)}`, advice));
  } finally {
    // Not awaited: a frozen server does not answer.
    pool.end().catch(() => undefined);
  }
  return checks;
}
