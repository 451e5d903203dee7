import type { PhoneRegion } from '@contour/contract';
import { inTransaction, type PoolClient } from '@contour/store/schema';

export type ShowProgress = (step: string, done: number, total: number) => void;

export interface AdoptOptions {
  region: PhoneRegion;
  /** For tenants that have none. */
  domainId?: number | undefined;
  show: ShowProgress;
  /** Ends the work at once; the next --apply continues from there. */
  signal?: AbortSignal;
}

/** What the steps of an adoption work with. */
export interface Adopting extends AdoptOptions {
  client: PoolClient;
  /** The statements of the first migration. */
  first: readonly string[];
}

/** Below every id of a row. */
export const FIRST_ID = '00000000-0000-0000-0000-000000000000';

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

async function readStep(client: PoolClient, step: string) {
  const { rows } = await client.query<{ is_done: boolean; cursor: string | null }>(
    'select is_done, cursor from contour_adoption where step = $1',
    [step],
  );
  return rows[0];
}

export const isStepDone = async (client: PoolClient, step: string): Promise<boolean> =>
  (await readStep(client, step))?.is_done === true;

async function note(client: PoolClient, step: string, cursor: string | null, isDone: boolean) {
  await client.query(
    `insert into contour_adoption (step, cursor, is_done) values ($1, $2, $3)
     on conflict (step) do update set cursor = coalesce(excluded.cursor, contour_adoption.cursor),
                                      is_done = excluded.is_done, changed_at = now()`,
    [step, cursor, isDone],
  );
}

export const finishStep = (client: PoolClient, step: string) => note(client, step, null, true);

interface Batch {
  /** Where the next batch begins; undefined when this was the last one. */
  next: string | undefined;
  /** How many rows or blocks were read. */
  size: number;
}

// A batch finds few rows by their keys. Without this, a plan could read the whole table for each batch.
const BY_KEY = 'set local enable_hashjoin = off; set local enable_mergejoin = off';

/**
 * Does a step in short transactions. Each commits a batch together with its cursor, so an interrupted step continues after
 * its last commit and repeats nothing.
 */
export async function inBatches(
  { client, show }: Adopting,
  step: string,
  range: { first: string; total: number },
  work: (cursor: string) => Promise<Batch>,
): Promise<void> {
  const known = await readStep(client, step);
  if (known?.is_done) return;
  let done = 0;
  for (let cursor = known?.cursor ?? range.first; ; ) {
    const from = cursor;
    const { next, size } = await inTransaction(client, async () => {
      await client.query(BY_KEY);
      const batch = await work(from);
      await note(client, step, batch.next ?? from, false);
      return batch;
    });
    done += size;
    const total = range.total || done;
    show(step, Math.min(done, total), total);
    if (next === undefined) break;
    cursor = next;
  }
  await finishStep(client, step);
}
