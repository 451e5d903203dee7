import { createIndex } from '../ddl/create-index.ts';
import { readIndexStatement } from '../ddl/index-statement.ts';
import type { PoolClient } from '../pool.ts';
import { finishStep, isStepDone } from './adoption-log.ts';
import { LEGACY_TABLES } from './legacy-columns.ts';
import { withBriefLocks } from './run-ddl.ts';

const legacy = new Set<string>(LEGACY_TABLES);

/** No transaction may hold such a statement. */
const CONCURRENTLY = /^\w+\s+(?:unique\s+)?index\s+concurrently\b/i;

const tableMadeBy = (sql: string) => /^create\s+table\s+(\w+)/i.exec(sql)?.[1];
const tableIndexedBy = (sql: string) => readIndexStatement(sql)?.table;

/** The tables and indexes that our migrations make and that a database of others must not hold. */
export function namesMadeBy(statements: readonly string[]): string[] {
  return statements
    .flatMap((sql) => tableMadeBy(sql) ?? readIndexStatement(sql)?.name ?? [])
    .filter((name) => !legacy.has(name));
}

/** A statement about a table that was there before: it needs a step of its own, or has one. */
export function isAboutLegacyTable(sql: string): boolean {
  const table = tableMadeBy(sql) ?? tableIndexedBy(sql);
  return (table !== undefined && legacy.has(table)) || /^insert\s+into\s+channels\b/i.test(sql);
}

/**
 * Runs a migration's statements one by one instead of all in one transaction, each once however often
 * the run is cut off: no lock outlasts its statement, and indexes of big tables are made beside writers.
 */
export async function runPiecewise(
  client: PoolClient,
  migration: string,
  statements: readonly string[],
  include: (sql: string) => boolean = () => true,
): Promise<void> {
  for (const [index, sql] of statements.entries()) {
    const step = `${migration} ${index + 1}`;
    // Settings of the file's own transaction; there is none here.
    if (/^set\s/i.test(sql) || !include(sql) || (await isStepDone(client, step))) continue;
    const mustBeAlone = CONCURRENTLY.test(sql);
    if (mustBeAlone || legacy.has(tableIndexedBy(sql) ?? '')) {
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
