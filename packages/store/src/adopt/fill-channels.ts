import { CHANNEL_CODES, CHANNELS } from '@contour/contract';
import { createIndex } from '../ddl/create-index.ts';
import type { PoolClient } from '../pool.ts';

/** The channels are a handful of fixed rows; those of others stay. */
export async function fillChannels(client: PoolClient): Promise<void> {
  await client.query(
    `insert into channels (id, code)
     select * from unnest($1::int[], $2::text[]) as ours(id, code)
      where not exists (select from channels c where c.id = ours.id)`,
    [CHANNEL_CODES.map((code) => CHANNELS[code].id), CHANNEL_CODES],
  );
  await createIndex(client, 'create unique index channels_code_key on channels (code)');
}
