import { createIndex, type PoolClient, readIndexStatement } from '@contour/store/schema';
import { finishStep, isStepDone } from './batches.ts';
import { LEGACY_TABLES } from './legacy-shape.ts';
import { withBriefLocks } from './session.ts';

const legacy = new Set<string>(LEGACY_TABLES);

/** Postgres refuses such a statement within a transaction. */
const CONCURRENTLY = /^\w+\s+(?:unique\s+)?index\s+concurrently\b/i;

const tableMadeBy = (sql: string) => /^create\s+table\s+(\w+)/i.exec(sql)?.[1];
const tableIndexedBy = (sql: string) => readIndexStatement(sql)?.table;

/** The tables and indexes that our migrations make, and whose names must be free. */
export function namesMadeBy(statements: readonly string[]): string[] {
  return statements
    .flatMap((sql) => tableMadeBy(sql) ?? readIndexStatement(sql)?.name ?? [])
    .filter((name) => !legacy.has(name));
}

/** Whether a statement is about no table that existed before: for those there are steps of their own. */
export function isOurs(sql: string): boolean {
  const table = tableMadeBy(sql) ?? tableIndexedBy(sql) ?? '';
  return !legacy.has(table) && !/^insert\s+into\s+channels\b/i.test(sql);
}

/**
 * Runs a migration's statements one by one instead of all in one transaction. Each runs once, however
 * often the run is interrupted. No lock outlasts its statement, and writers may go on while indexes of
 * big tables are made.
 */
export async function runPiecewise(
  client: PoolClient,
  migration: string,
  statements: readonly string[],
  include = (_sql: string): boolean => true,
): Promise<void> {
  for (const [index, sql] of statements.entries()) {
    const step = `${migration} ${index + 1}`;
    // A migration sets values for its own transaction, and here is none.
    if (/^set\s/i.test(sql) || !include(sql) || (await isStepDone(client, step))) continue;
    if (CONCURRENTLY.test(sql) || legacy.has(tableIndexedBy(sql) ?? '')) {
      await (readIndexStatement(sql) ? createIndex(client, sql) : client.query(sql));
      await finishStep(client, step);
      continue;
    }
    await withBriefLocks(client, async () => {
      await client.query(sql);
      await finishStep(client, step);
    });
  }
}

/** The statement that makes an index of that name. */
export function indexOf(statements: readonly string[], name: string): string {
  const found = statements.find((sql) => readIndexStatement(sql)?.name === name);
  if (found === undefined) throw new Error(`no migration makes the index ${name}`);
  return found;
}
