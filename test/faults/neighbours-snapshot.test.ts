import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { openPool } from '../support/outside-pool.ts';
import { NEIGHBOURS, startNeighbours, toldNeighbours } from './matrix/neighbours.ts';
import { row } from './matrix/row.ts';
import { secondsUntilThrough } from './matrix/under-load.ts';

const WARM_MS = 3_000;
const WATCH_MS = 15_000;
const DEAD_LANES = 1_000_000;
/** What a worker has unless it is told otherwise. */
const SHARDS = 16;

/** Opens a snapshot as a dump does, and lets lanes come and go behind it. */
async function holdSnapshot({ database }: Contour) {
  const pool = openPool(database.url, 2);
  const dump = await pool.connect();
  await dump.query('set idle_in_transaction_session_timeout = 0');
  await dump.query('begin isolation level repeatable read');
  await dump.query('select count(*) from tenants');
  const writer = await pool.connect();
  await writer.query('set statement_timeout = 0');
  await writer.query('begin');
  await writer.query(
    `insert into lanes (tenant_id, dialog_id, shard, last_seq, due_at)
     select id, gen_random_uuid(), lane % ${SHARDS}, 1, now() - interval '1 hour'
       from (select id from tenants limit 1) t, generate_series(1, ${DEAD_LANES}) lane`,
  );
  await writer.query(`delete from lanes where due_at = now() - interval '1 hour'`);
  await writer.query('commit');
  writer.release();
  return {
    async end() {
      await dump.query('rollback');
      dump.release();
      await pool.end();
    },
  };
}

describe('Neighbours', () => {
  row(
    'of a dump that takes long',
    {
      injected: `a snapshot held open while ${DEAD_LANES} lanes come and go`,
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: 60,
    },
    async () => {
      const contour = await startContour();
      const neighbours = await startNeighbours(contour);
      try {
        await delay(WARM_MS);
        const before = await neighbours.watch(WATCH_MS);
        const snapshot = await holdSnapshot(contour);
        const during = await neighbours.watch(WATCH_MS);
        await snapshot.end();
        const { accepted, sent } = await neighbours.stop();
        expect(sent.size).toBeGreaterThan(0);
        const recoverySeconds = await secondsUntilThrough(contour, { sent });
        const violations = await contour.check({ accepted, sent });
        return { recoverySeconds, violations, neighbours: { before, during } };
      } finally {
        await neighbours.stop().catch(() => undefined);
        await contour.close();
      }
    },
  );
});
