import { inTransaction, type PoolClient } from '@contour/store';

/** Makes the two tables of an adoption: its steps, and the rows that it replaced or removed. */
export async function openAdoptionLog(client: PoolClient): Promise<void> {
  await client.query(
    `create table if not exists contour_adoption (
       step text primary key, cursor text, is_done boolean not null default false,
       changed_at timestamptz not null default now())`,
  );
  await client.query(
    `create table if not exists contour_adoption_set_aside (
       id bigint generated always as identity primary key, table_name text not null,
       row_key text, reason text not null, before jsonb not null,
       set_aside_at timestamptz not null default now())`,
  );
}

export async function isStepDone(client: PoolClient, step: string): Promise<boolean> {
  const { rows } = await client.query<{ is_done: boolean }>(
    'select is_done from contour_adoption where step = $1',
    [step],
  );
  return rows[0]?.is_done === true;
}

async function readCursor(client: PoolClient, step: string): Promise<string | null> {
  const { rows } = await client.query<{ cursor: string | null }>(
    'select cursor from contour_adoption where step = $1',
    [step],
  );
  return rows[0]?.cursor ?? null;
}

async function note(client: PoolClient, step: string, cursor: string | null, isDone: boolean) {
  await client.query(
    `insert into contour_adoption (step, cursor, is_done) values ($1, $2, $3)
     on conflict (step) do update set cursor = coalesce(excluded.cursor, contour_adoption.cursor),
                                      is_done = excluded.is_done, changed_at = now()`,
    [step, cursor, isDone],
  );
}

export const finishStep = (client: PoolClient, step: string) => note(client, step, null, true);

/** Commits a batch together with its cursor, so that an interrupted run repeats nothing. */
async function commitBatch<T>(
  client: PoolClient,
  step: string,
  cursorOf: (result: T) => string,
  work: () => Promise<T>,
): Promise<T> {
  return inTransaction(client, async () => {
    const result = await work();
    await note(client, step, cursorOf(result), false);
    return result;
  });
}

export type ShowProgress = (step: string, done: number, total: number) => void;

interface Batch {
  /** Where the next batch begins; undefined when this was the last one. */
  next: string | undefined;
  /** How many rows or blocks were read. */
  size: number;
}

// A batch finds few rows by their keys. Without this, a plan could read the whole table for each batch.
const BY_KEY = 'set local enable_hashjoin = off; set local enable_mergejoin = off';

/** Does a step in short transactions. An interrupted step continues after its last commit. */
export async function inBatches(
  client: PoolClient,
  step: string,
  options: { first: string; total: number; show: ShowProgress },
  work: (cursor: string) => Promise<Batch>,
): Promise<void> {
  if (await isStepDone(client, step)) return;
  let done = 0;
  for (let cursor = (await readCursor(client, step)) ?? options.first; ; ) {
    const from = cursor;
    const { next, size } = await commitBatch(
      client,
      step,
      (batch) => batch.next ?? from,
      async () => {
        await client.query(BY_KEY);
        return work(from);
      },
    );
    done += size;
    const total = options.total || done;
    options.show(step, Math.min(done, total), total);
    if (next === undefined) break;
    cursor = next;
  }
  await finishStep(client, step);
}

export async function countRows(client: PoolClient, table: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    'select greatest(reltuples, 0)::int as n from pg_class where oid = to_regclass($1)',
    [table],
  );
  return rows[0]?.n ?? 0;
}
