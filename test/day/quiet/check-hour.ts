import { checkAccepted } from '../../support/checker/check-accepted.ts';
import { checkCore } from '../../support/checker/check-core.ts';
import { checkDlq } from '../../support/checker/check-dlq.ts';
import { checkMirror } from '../../support/checker/check-mirror.ts';
import { readLedger } from '../../support/checker/ledger-row.ts';
import { checkTables } from '../../support/checker/table-rules.ts';
import type { Violation } from '../../support/checker/violation.ts';
import type { Contour } from '../../support/contour.ts';
import { runContour } from '../../support/run-contour.ts';
import type { Book } from '../book.ts';
import type { Journal } from '../journal.ts';
import { searchCredentials } from './search-credentials.ts';

export interface CheckDeps {
  contour: Contour;
  book: Book;
  journal: Journal;
  /** Whether the graph has only the data of this day. */
  neo4j: { uri: string; isOwn: boolean } | undefined;
}

export const RETENTION_DAYS = '1';

const report = (journal: Journal, violations: readonly Violation[]) => {
  for (const { kind, detail } of violations) journal.find(kind, detail);
};

/** Compares dead messages with their entries, before an operator handles them. */
export async function checkDeadLetters({ contour, journal }: CheckDeps): Promise<void> {
  const ledger = await readLedger(contour.database.pool);
  report(journal, checkDlq(ledger, await contour.dlq()));
}

/** The product's own audit. */
async function runOwnCheck({ contour, journal, neo4j }: CheckDeps, args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runContour([...args, '--json'], {
    DATABASE_URL: contour.database.url,
    REDIS_URL: contour.redis.url,
    RETENTION_DAYS,
    // A shared graph has other data, too.
    ...(neo4j?.isOwn ? { NEO4J_URI: neo4j.uri } : {}),
  });
  if (code !== 0)
    journal.find(`contour ${args.join(' ')}`, `ended with ${code}: ${stdout}${stderr}`);
}

async function checkGraph(deps: CheckDeps): Promise<void> {
  const { contour, journal, neo4j } = deps;
  if (neo4j === undefined) return;
  if (neo4j.isOwn) await runOwnCheck(deps, ['graph', 'verify']);
  else report(journal, await checkMirror(contour.database.pool, neo4j.uri));
}

/** Checks every promise for an hour. Nothing may be in flight. */
export async function checkHour(deps: CheckDeps): Promise<void> {
  const { contour, book, journal } = deps;
  const { pool } = contour.database;
  const ledger = await readLedger(pool);
  report(journal, [
    ...checkAccepted(ledger, book.list(), book.sent),
    ...(await checkTables(pool, { hasRemovals: true })),
    ...checkCore(ledger, contour.core),
    ...checkDlq(ledger, await contour.dlq()),
  ]);
  await searchCredentials(contour, book, journal);
  await checkGraph(deps);
  await runOwnCheck(deps, ['audit']);
}
