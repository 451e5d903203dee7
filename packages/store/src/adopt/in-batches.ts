import type { PoolClient } from '../pool.ts';
import { commitBatch, finishStep, isStepDone, readCursor } from './adoption-log.ts';

/** Where a step is shown: what it is, how far it has come, and how far it has to go. */
export type ShowProgress = (step: string, done: number, total: number) => void;

interface Batch {
  /** Where the next batch begins; undefined when this was the last one. */
  next: string | undefined;
  /** What was looked at. */
  size: number;
}

// A batch finds few rows by their keys; a plan that reads a whole table for them would do so each time.
const BY_KEY = 'set local enable_hashjoin = off; set local enable_mergejoin = off';

/** Does a step in short transactions; one that was cut off goes on where the last one was committed. */
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
