import type { PoolClient } from '../pool.ts';
import { inTransaction } from '../transaction.ts';

/** Makes the two tables in which an adoption keeps its steps, and what it took out of the way. */
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

export async function readCursor(client: PoolClient, step: string): Promise<string | null> {
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

/** A batch and how far it got are committed together: a run that is cut off repeats nothing. */
export async function commitBatch<T>(
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
