import { isMirrorBehind } from '@contour/store';
import { checkAccepted } from './checker/check-accepted.ts';
import { checkCore } from './checker/check-core.ts';
import { checkCredentials } from './checker/check-credentials.ts';
import { checkDlq, type DlqItem } from './checker/check-dlq.ts';
import { checkMirror } from './checker/check-mirror.ts';
import { readLedger } from './checker/ledger-row.ts';
import { checkTables } from './checker/table-rules.ts';
import type { Violation } from './checker/violation.ts';
import type { FakeCore } from './fake-core.ts';
import type { Pool } from './outside-pool.ts';
import { dumpRedis, readRedisFiles } from './redis-dump.ts';
import type { Accepted } from './send.ts';
import { waitFor } from './wait-for.ts';

export interface Evidence {
  pool: Pool;
  accepted: readonly Accepted[];
  /** Every id that was sent. Where it is given, the ledger may hold no other. */
  sent?: ReadonlySet<string>;
  /** Undefined: requests to Core are not compared with the ledger. */
  core?: FakeCore | undefined;
  /** Read after the drain, as the logs are. */
  dlq?: () => Promise<readonly DlqItem[]>;
  logs?: () => string;
  /** Where it is given, the graph must show what Postgres holds. */
  neo4jUri?: string | undefined;
  redisUrl?: string;
  redisDataDir?: string;
  /** Credentials that were sent and belong to no account. */
  otherCredentials?: readonly string[];
  /** How long the last message may take to be delivered. */
  drainMs?: number;
}

async function isMoving(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ moving: boolean }>(
    `select exists (select from lanes)
         or exists (select from messages where status = 'pending') as moving`,
  );
  return rows[0]?.moving !== false;
}

async function areKnown(pool: Pool, ids: readonly string[]): Promise<boolean> {
  const { rows } = await pool.query<{ n: number }>(
    'select count(*)::int as n from messages where id = any($1::uuid[])',
    [ids],
  );
  return (rows[0]?.n ?? 0) >= ids.length;
}

/** Waits until nothing is in flight. The rules report afterwards what still is. */
async function drained({ pool, accepted, drainMs = 60_000 }: Evidence): Promise<void> {
  const ids = [...new Set(accepted.map(({ messageId }) => messageId))];
  // The look at the ids comes last, because it slows the work down. Messages that it finds may be moving
  // by then, so the first look is repeated.
  const look = async () =>
    !(await isMoving(pool)) && (await areKnown(pool, ids)) && !(await isMoving(pool));
  await waitFor('the drain', look, { deadlineMs: drainMs, everyMs: 100 }).catch(() => undefined);
}

/** Waits until nothing is on its way into the graph. */
async function mirrored({ pool, drainMs = 60_000 }: Evidence): Promise<void> {
  const look = async () => !(await isMirrorBehind(pool));
  await waitFor('the mirror', look, { deadlineMs: drainMs, everyMs: 100 }).catch(() => undefined);
}

async function mirrorViolations(evidence: Evidence): Promise<Violation[]> {
  if (evidence.neo4jUri === undefined) return [];
  await mirrored(evidence);
  return checkMirror(evidence.pool, evidence.neo4jUri);
}

/** Bodies in the dead-letter queue are stored as they were sent, without secrets. */
async function parkedRows(pool: Pool): Promise<[place: string, text: string][]> {
  const { rows } = await pool.query<{ id: string; text: string }>(
    'select p.id, to_jsonb(p)::text || coalesce(p.body, $1) as text from parked p',
    [''],
  );
  return rows.map(({ id, text }) => [`the parked entry ${id}`, text]);
}

async function* placesOf({ pool, redisUrl, redisDataDir, logs, accepted, core }: Evidence) {
  yield* await parkedRows(pool);
  if (redisUrl !== undefined) yield* await dumpRedis(redisUrl);
  if (redisDataDir !== undefined) yield* await readRedisFiles(redisDataDir);
  if (logs !== undefined) yield ['a log', logs()] as const;
  yield ['an answer', accepted.map(({ answer }) => answer ?? '').join('\n')] as const;
  for (const { key, body, headers } of core?.requests ?? []) {
    yield [`the payload ${key}`, `${body}${JSON.stringify(headers)}`] as const;
  }
}

/** All violations of the promises, found in the tables, Core's requests, logs, answers, graph and Redis. */
export async function check(evidence: Evidence): Promise<Violation[]> {
  const { pool, accepted, sent, core, dlq, otherCredentials } = evidence;
  await drained(evidence);
  const ledger = await readLedger(pool);
  const places: [string, string][] = [];
  for await (const [place, text] of placesOf(evidence)) places.push([place, text]);
  return [
    ...checkAccepted(ledger, accepted, sent),
    ...(await checkTables(pool)),
    ...(core === undefined ? [] : checkCore(ledger, core)),
    ...(dlq === undefined ? [] : checkDlq(ledger, await dlq())),
    ...(await checkCredentials(pool, places, otherCredentials)),
    ...(await mirrorViolations(evidence)),
  ];
}
