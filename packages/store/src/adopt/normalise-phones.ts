import { normalisePhone, type PhoneRegion } from '@contour/contract';
import type { PoolClient } from '../pool.ts';
import { countRows, inBatches, type ShowProgress } from './in-batches.ts';

/** Who writes to one of them waits for the whole page. */
const PAGE = 500;
const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * Writes each phone as the resolver looks for it and keeps what was typed beside it, which also marks
 * the row as done. A row that was changed between the look and the write is left to the next pass.
 */
export async function normalisePhones(
  client: PoolClient,
  step: string,
  region: PhoneRegion,
  show: ShowProgress,
): Promise<void> {
  const total = await countRows(client, 'clients');
  await inBatches(client, step, { first: NOBODY, total, show }, async (cursor) => {
    const { rows } = await client.query<{ id: string; phone: string }>(
      `select id, phone from clients
        where id > $1 and phone is not null and phone_as_typed is null order by id limit ${PAGE}`,
      [cursor],
    );
    await client.query(
      `update clients c set phone = q.phone, phone_as_typed = q.typed
         from unnest($1::uuid[], $2::text[], $3::text[]) as q(id, typed, phone)
        where c.id = q.id and c.phone = q.typed and c.phone_as_typed is null`,
      [
        rows.map((row) => row.id),
        rows.map((row) => row.phone),
        rows.map((row) => normalisePhone(row.phone, region)),
      ],
    );
    return { next: rows.at(-1)?.id, size: rows.length };
  });
}
