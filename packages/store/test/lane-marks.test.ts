import { expect, it } from 'vitest';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { createLaneMarks, dueShards, type LaneMarks, takeDue } from '../src/index.ts';
import { type Bundle, openBundle } from './bundle.ts';

const WANTED = {
  ...{ shards: [0], lanes: 20, messagesPerLane: 10, notDialogs: [] },
  ...{ lanesPerTenant: 20, rooms: [] },
};
const FULL_LOOK_MS = 60_000;

/** Marks on a clock that the test moves. */
function openMarks() {
  const clock = { ms: 0 };
  return { clock, marks: createLaneMarks({ shardCount: 1, now: () => clock.ms }) };
}

/** Lanes without messages, due so long ago. */
async function addLanes({ pool }: Bundle, { id }: TestTenant, count: number, secondsAgo: number) {
  await pool.query(
    `insert into lanes (tenant_id, dialog_id, shard, last_seq, due_at)
     select $1, gen_random_uuid(), 0, 1, now() - $3 * interval '1 s'
       from generate_series(1, $2::int)`,
    [id, count, secondsAgo],
  );
}

const take = ({ pool }: Bundle, marks: LaneMarks, rooms: Array<[TestTenant, number]> = []) =>
  takeDue(
    pool,
    { ...WANTED, rooms: rooms.map(([{ id: tenantId }, room]) => ({ tenantId, room })) },
    marks,
  );

/** Where the common scan of the shard begins, in seconds before now. */
async function markSecondsAgo({ pool }: Bundle, marks: LaneMarks): Promise<number> {
  const { rows } = await pool.query('select extract(epoch from now())::float8 * 1000 as now_ms');
  const mark = marks.partsOf([0]).parts.find(({ tenantId }) => tenantId === null);
  return (rows[0]?.now_ms - (mark?.fromMs ?? 0)) / 1000;
}

it('a look moves the mark to the first lane that exists', async () => {
  const bundle = await openBundle();
  const { marks } = openMarks();
  await addLanes(bundle, bundle.tenant, 1, 100);
  await addLanes(bundle, bundle.tenant, 1, 200);
  expect(await dueShards(bundle.pool, marks)).toEqual([0]);
  expect(await markSecondsAgo(bundle, marks)).toBeCloseTo(200, 0);
  await bundle.pool.query(`delete from lanes where due_at < now() - interval '150 s'`);
  expect(await dueShards(bundle.pool, marks)).toEqual([0]);
  expect(await markSecondsAgo(bundle, marks)).toBeCloseTo(100, 0);
  expect(await take(bundle, marks)).toHaveLength(1);
});

it('a mark stays behind the clock, so that lanes that are committed late are found', async () => {
  const bundle = await openBundle();
  const { marks } = openMarks();
  const late = await bundle.pool.connect();
  await late.query('begin');
  await late.query('select now()');
  expect(await dueShards(bundle.pool, marks)).toEqual([]);
  expect(await markSecondsAgo(bundle, marks)).toBeCloseTo(15, 0);
  await late.query(
    `insert into lanes (tenant_id, dialog_id, shard, last_seq) values ($1, gen_random_uuid(), 0, 1)`,
    [bundle.tenant.id],
  );
  await late.query('commit');
  late.release();
  expect(await take(bundle, marks)).toHaveLength(1);
});

it('a full look finds lanes before the mark within a minute', async () => {
  const bundle = await openBundle();
  const { marks, clock } = openMarks();
  await dueShards(bundle.pool, marks);
  await addLanes(bundle, bundle.tenant, 1, 500);
  expect(await dueShards(bundle.pool, marks)).toEqual([]);
  expect(await take(bundle, marks)).toEqual([]);
  clock.ms += FULL_LOOK_MS;
  expect(await dueShards(bundle.pool, marks)).toEqual([0]);
  expect(await take(bundle, marks)).toHaveLength(1);
});

it('a clock that is set back does not hide new lanes', async () => {
  const bundle = await openBundle();
  const { marks } = openMarks();
  await dueShards(bundle.pool, marks);
  const inAnHour = Date.now() + 3_600_000;
  marks.endLook([
    { shard: 0, tenantId: null, fromMs: 0, reachedMs: inAnHour, isDue: false, page: [] },
  ]);
  await addLanes(bundle, bundle.tenant, 1, 1);
  expect(await take(bundle, marks)).toHaveLength(1);
  expect(await dueShards(bundle.pool, marks)).toEqual([0]);
});

it('an unknown shard is found, and has a mark from then on', async () => {
  const bundle = await openBundle();
  const { marks } = openMarks();
  await dueShards(bundle.pool, marks);
  await addLanes(bundle, bundle.tenant, 1, 5);
  await bundle.pool.query('update lanes set shard = 7');
  expect(await dueShards(bundle.pool, marks)).toEqual([7]);
  expect(marks.shardsWithMarks()).toEqual([0, 7]);
  expect(await dueShards(bundle.pool, marks)).toEqual([7]);
});

it('the mark moves past the lanes of a tenant that cannot be taken', async () => {
  const bundle = await openBundle();
  const { marks } = openMarks();
  const crowd = await addTestTenant(bundle.pool);
  await addLanes(bundle, crowd, 500, 300);
  await addLanes(bundle, bundle.tenant, 1, 60);
  expect(await take(bundle, marks, [[crowd, 0]])).toHaveLength(1);
  await dueShards(bundle.pool, marks);
  expect(await markSecondsAgo(bundle, marks)).toBeCloseTo(300, 0);
  await dueShards(bundle.pool, marks);
  expect(await markSecondsAgo(bundle, marks)).toBeCloseTo(60, 0);
  const taken = await take(bundle, marks, [[crowd, 0]]);
  expect(taken.map(({ tenantId }) => tenantId)).toEqual([bundle.tenant.id]);
});

it('lanes of a tenant that is set apart are taken up to its room, beside those of the others', async () => {
  const bundle = await openBundle();
  const { marks } = openMarks();
  const crowd = await addTestTenant(bundle.pool);
  await addLanes(bundle, crowd, 500, 300);
  await addLanes(bundle, bundle.tenant, 2, 60);
  for (let look = 0; look < 2; look += 1) await dueShards(bundle.pool, marks);
  expect(marks.partsOf([0]).apart).toEqual([crowd.id]);
  const countsOf = async (rooms: Array<[TestTenant, number]>) => {
    const taken = await take(bundle, marks, rooms);
    return [crowd, bundle.tenant].map(
      ({ id }) => taken.filter(({ tenantId }) => tenantId === id).length,
    );
  };
  expect(await countsOf([[crowd, 3]])).toEqual([3, 2]);
  expect(await countsOf([])).toEqual([18, 2]);
});

it('a tenant is no longer set apart once none of its lanes is due', async () => {
  const bundle = await openBundle();
  const { marks } = openMarks();
  await addLanes(bundle, bundle.tenant, 500, 300);
  for (let look = 0; look < 2; look += 1) await dueShards(bundle.pool, marks);
  expect(marks.partsOf([0]).apart).toEqual([bundle.tenant.id]);
  await bundle.pool.query('delete from lanes');
  expect(await dueShards(bundle.pool, marks)).toEqual([]);
  expect(marks.partsOf([0]).apart).toEqual([]);
  await addLanes(bundle, bundle.tenant, 1, 5);
  expect(await take(bundle, marks)).toHaveLength(1);
  expect(await dueShards(bundle.pool, marks)).toEqual([0]);
});

/** How many blocks of the table and its index a look reads. */
async function blocksRead(bundle: Bundle, look: () => Promise<unknown>): Promise<number> {
  const read = async () => {
    const { rows } = await bundle.pool.query<{ n: number }>(
      `select (pg_stat_get_xact_blocks_fetched('lanes'::regclass)
             + pg_stat_get_xact_blocks_fetched('lanes_due'::regclass))::int as n`,
    );
    return rows[0]?.n ?? 0;
  };
  const before = await read();
  await look();
  return (await read()) - before;
}

it('looks and takes skip index entries of removed lanes while an old snapshot is open', async () => {
  const bundle = await openBundle();
  const { marks } = openMarks();
  const old = await bundle.pool.connect();
  const one = await bundle.pool.connect();
  const alone = { ...bundle, pool: one as never };
  try {
    await old.query('begin isolation level repeatable read');
    await old.query('select count(*) from lanes');
    await addLanes(bundle, bundle.tenant, 20_000, 300);
    await bundle.pool.query('delete from lanes');
    await addLanes(bundle, bundle.tenant, 1, 1);
    await dueShards(bundle.pool, marks);
    await one.query('begin');
    expect(await blocksRead(alone, () => take(alone, createLaneMarks()))).toBeGreaterThan(200);
    expect(await blocksRead(alone, () => take(alone, marks))).toBeLessThan(20);
    expect(await blocksRead(alone, () => dueShards(one, marks))).toBeLessThan(20);
  } finally {
    one.release(true);
    await old.query('rollback');
    old.release();
  }
});
