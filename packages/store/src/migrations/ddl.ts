import { setTimeout as delay } from 'node:timers/promises';
import type { PoolClient } from '../database/database.ts';
import { sqlState, unexpected } from '../database/errors.ts';
import { run } from '../database/statement.ts';

// A statement ends at a semicolon outside comments, texts and $$ bodies.
const PIECE = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|(\$\w*\$)[\s\S]*?\1|;|[^;'$/-]+|[\s\S]/g;

/** The statements of a migration, without the comments between them. */
export function splitSql(sql: string): string[] {
  const statements: string[] = [];
  let current = '';
  const endStatement = () => {
    if (current.trim() !== '') statements.push(current.trim());
    current = '';
  };
  for (const [piece] of sql.matchAll(PIECE)) {
    if (piece.startsWith('--') || piece.startsWith('/*')) continue;
    if (piece === ';') endStatement();
    else current += piece;
  }
  endStatement();
  return statements;
}

const INDEX =
  /^create\s+(unique\s+)?index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?(\w+)\s+on\s+(\w+)/i;

interface IndexStatement {
  name: string;
  table: string;
  /** Makes the same index without blocking writers. Has no `if not exists`, because an existing one may be invalid. */
  concurrently: string;
}

/** Parses a statement that makes an index, in any of the forms that migrations use. */
export function readIndexStatement(sql: string): IndexStatement | undefined {
  const [head, unique = '', name, table] = INDEX.exec(sql) ?? [];
  if (head === undefined || name === undefined || table === undefined) return undefined;
  const concurrently = `create ${unique}index concurrently ${name} on ${table}`;
  return { name, table, concurrently: concurrently + sql.slice(head.length) };
}

async function stateOfIndex(
  client: PoolClient,
  name: string,
): Promise<'none' | 'valid' | 'invalid'> {
  const [row] = await run<{ indisvalid: boolean }>(
    client,
    'select indisvalid from pg_index where indexrelid = to_regclass($1)',
    [name],
  );
  if (row === undefined) return 'none';
  return row.indisvalid ? 'valid' : 'invalid';
}

export const dropIndex = (client: PoolClient, name: string): Promise<unknown> =>
  run(client, `drop index concurrently if exists ${name}`);

const MAX_TRIES = 20;

/**
 * Makes an index without blocking writers. An invalid index, which an interrupted run left behind, is dropped first. If a
 * unique index meets a duplicate that was inserted meanwhile, it calls `onDuplicate` and tries again.
 */
export async function createIndex(
  client: PoolClient,
  statement: string,
  onDuplicate?: () => Promise<void>,
): Promise<void> {
  const index = readIndexStatement(statement);
  if (index === undefined) throw unexpected(`not an index: ${statement}`);
  for (let attempt = 1; ; attempt += 1) {
    const state = await stateOfIndex(client, index.name);
    if (state === 'valid') return;
    if (state === 'invalid') await dropIndex(client, index.name);
    try {
      await run(client, index.concurrently);
      return;
    } catch (error) {
      // An invalid unique index still refuses rows. If this connection is lost, the next run drops it.
      await dropIndex(client, index.name).catch(() => undefined);
      const isDuplicate = sqlState(error) === '23505' && onDuplicate !== undefined;
      if (!(isDuplicate || sqlState(error) === '40P01') || attempt === MAX_TRIES) throw error;
      await onDuplicate?.();
    }
  }
}

const PAUSE_MS = 100;

interface Patience {
  withinMs: number;
  /** The message of the error when the time is over. */
  refusal: string;
}

/**
 * Tries to get an advisory lock until it is held, without a limit unless one is given. It polls: a session that waits
 * inside a statement has a snapshot, and CREATE INDEX CONCURRENTLY waits for all older snapshots, so the two would wait
 * for each other.
 */
export async function takeTurn(
  client: PoolClient,
  lock: number,
  patience?: Patience,
): Promise<void> {
  const giveUpAt = Date.now() + (patience?.withinMs ?? Infinity);
  for (;;) {
    const sql = 'select pg_try_advisory_lock($1) as is_mine';
    const [row] = await run<{ is_mine: boolean }>(client, sql, [lock]);
    if (row?.is_mine === true) return;
    if (patience !== undefined && Date.now() > giveUpAt) throw unexpected(patience.refusal);
    await delay(PAUSE_MS);
  }
}
