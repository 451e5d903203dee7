import { describe, expect, inject, test } from 'vitest';
import { checkMirror } from '../../../test/support/checker/check-mirror.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createMirror } from '../src/index.ts';
import { type Bundle, openBundle, openGraph } from './bundle.ts';

const differences = ({ pool, uri }: Bundle) => checkMirror(pool, uri);

describe.skipIf(inject('neo4j').uri === undefined)('the mirror', () => {
  test('shows every client, identity and dialog of Postgres', async () => {
    const bundle = await openBundle();
    await bundle.addClients(1_200);
    expect(await bundle.mirror.drain()).toEqual({ rows: 3_600, ended: 'done' });
    expect(await differences(bundle)).toEqual([]);
    expect(await bundle.mirror.drain()).toEqual({ rows: 0, ended: 'done' });
  });

  test('follows rows that change, move or are deleted', async () => {
    const bundle = await openBundle();
    const { pool, mirror } = bundle;
    await bundle.addClients(4);
    await mirror.drain();
    await pool.query(
      "update clients set name = 'Ann', phone = '+79990001122' where name like '% 1'",
    );
    await pool.query("update clients set name = null where name like '% 2'");
    await pool.query('update dialogs set status_id = 2');
    await pool.query(
      "update client_channels set client_id = (select id from clients where name = 'Ann')",
    );
    await pool.query(
      "delete from dialogs where client_id = (select id from clients where name like '% 3')",
    );
    await pool.query("delete from clients where name like '% 3'");
    await mirror.drain();
    expect(await differences(bundle)).toEqual([]);
  });

  test('keeps a row that was deleted and inserted again', async () => {
    const bundle = await openBundle();
    const { pool, mirror } = bundle;
    await bundle.addClients(2);
    await mirror.drain();
    await pool.query(`
      with gone as (delete from client_channels returning *)
      select * into kept from gone`);
    await pool.query('insert into client_channels select * from kept');
    await mirror.drain();
    expect(await differences(bundle)).toEqual([]);
  });

  test('has all rows after two mirrors ran at once', async () => {
    const bundle = await openBundle();
    const { pool, source, uri } = bundle;
    const other = createMirror({ graph: openGraph(uri), source, onRefused: () => undefined });
    await bundle.addClients(1_500);
    const changing = (async () => {
      for (let n = 0; n < 10; n += 1) {
        await pool.query("update clients set name = name || '.' where name like $1", [`%${n}`]);
        // As after a crash of the holder: the other mirror begins while the first still writes.
        await pool.query('update graph_turns set held_until = now()');
      }
    })();
    const drains: Array<Promise<unknown>> = [];
    for (let n = 0; n < 10; n += 1) drains.push(bundle.mirror.drain(), other.drain());
    await Promise.all([changing, ...drains]);
    const caughtUp = async () =>
      (await bundle.mirror.drain()).rows === 0 && !(await behind(bundle));
    await waitFor('the mirror to be complete', caughtUp);
    expect(await differences(bundle)).toEqual([]);
  });

  test('refuses a write of a lost turn', async () => {
    const bundle = await openBundle();
    const { source, graph, pool } = bundle;
    await bundle.addClients(1);
    const lost = await source.takeTurn(null, 0);
    if (lost === null) throw new Error('no turn');
    const { batch } = await source.readUnmirrored({}, 10);
    await pool.query("update clients set name = 'newer'");
    await pool.query('update graph_turns set held_until = now()');
    await bundle.mirror.drain();
    await expect(graph.write(lost, batch)).rejects.toMatchObject({ latest: lost.turn + 1 });
    expect(await differences(bundle)).toEqual([]);
  });

  test('continues after a restore of Postgres, whose turns are older than that of the graph', async () => {
    const bundle = await openBundle();
    await bundle.addClients(1);
    await bundle.pool.query('update graph_turns set turn = 40');
    await bundle.mirror.drain();
    await bundle.pool.query('update graph_turns set turn = 3');
    await bundle.pool.query("update clients set name = 'after'");
    expect(await bundle.mirror.drain()).toEqual({ rows: 1, ended: 'done' });
    expect(await differences(bundle)).toEqual([]);
  });

  test('rows that Neo4j refuses are reported once and delay no other row', async () => {
    const bundle = await openBundle();
    await bundle.addClients(100);
    // Longer than a key of an index may be.
    await bundle.pool.query(
      `update client_channels set external_id = external_id || repeat('x', 9000)
        where external_id like '%7' or external_id like '%8' or external_id like '%9'`,
    );
    expect(await bundle.mirror.drain()).toMatchObject({ ended: 'done' });
    expect(bundle.refused).toHaveLength(30);
    const rest = await differences(bundle);
    expect(rest.length).toBeGreaterThanOrEqual(30);
    expect(rest.every(({ detail }) => detail.includes('xxx'))).toBe(true);
    expect(await bundle.mirror.drain()).toEqual({ rows: 0, ended: 'done' });
    await bundle.pool.query(
      "update client_channels set external_id = replace(external_id, 'x', '')",
    );
    await bundle.mirror.drain();
    expect(await differences(bundle)).toEqual([]);
  });

  test('many refusals in a row count as a fault of the server, and other rows are mirrored later', async () => {
    const bundle = await openBundle();
    await bundle.addClients(30);
    await bundle.pool.query(
      "update client_channels set external_id = external_id || repeat('x', 9000)",
    );
    await expect(bundle.mirror.drain()).rejects.toMatchObject({ code: 'unexpected' });
    expect(bundle.refused).toHaveLength(20);
    expect(await bundle.mirror.drain()).toMatchObject({ ended: 'done' });
    const rest = await differences(bundle);
    expect(rest.every(({ detail }) => detail.includes('xxx'))).toBe(true);
  });

  test('a change between read and mark, undone before the mark, is mirrored', async () => {
    const bundle = await openBundle();
    const { pool, graph, source } = bundle;
    await bundle.addClients(1);
    const setStatus = (status: number) => pool.query('update dialogs set status_id = $1', [status]);
    let writes = 0;
    const mirror = createMirror({
      source: {
        ...source,
        // The next page is read while this one is written: it has the state in between.
        async readUnmirrored(after, limit) {
          if (Object.keys(after).length > 0 && writes === 0) await setStatus(2);
          return source.readUnmirrored(after, limit);
        },
      },
      graph: {
        ...graph,
        async write(turn, batch) {
          writes += 1;
          await graph.write(turn, batch);
          if (writes === 1) {
            await waitFor('the state in between', async () => {
              const { rows } = await pool.query('select status_id from dialogs');
              return rows[0]?.status_id === 2;
            });
            await setStatus(1);
          }
        },
      },
      onRefused: () => undefined,
    });
    await mirror.drain();
    await mirror.drain();
    expect(writes).toBeGreaterThan(1);
    expect(await differences(bundle)).toEqual([]);
  });

  test('a drain that was stopped leaves the remaining rows unmarked', async () => {
    const bundle = await openBundle();
    const { graph, source } = bundle;
    await bundle.addClients(200);
    const stop = new AbortController();
    const write: typeof graph.write = async (turn, batch) => {
      await graph.write(turn, batch);
      stop.abort();
    };
    const mirror = createMirror({
      graph: { ...graph, write },
      source,
      onRefused: () => undefined,
    });
    const { rows, ended } = await mirror.drain(stop.signal);
    expect(ended).toBe('stopped');
    expect(rows).toBeGreaterThan(0);
    expect((await source.backlog()).rows).toBe(600 - rows);
  });

  test('a row that was locked is mirrored in the end, while new rows keep coming', async () => {
    const bundle = await openBundle();
    const { graph, source, pool } = bundle;
    await bundle.addClients(30);
    const locked = await pool.connect();
    await locked.query("begin; select from clients where name like '% 7' for update");
    const isMarked = async () => {
      const { rows } = await pool.query(
        "select graph_synced_at is not null as yes from clients where name = 'client 7'",
      );
      return rows[0]?.yes === true;
    };
    const giveUpAt = performance.now() + 20_000;
    let reads = 0;
    const readUnmirrored: typeof source.readUnmirrored = async (after, limit) => {
      reads += 1;
      if (reads === 5) await locked.query('rollback');
      const goesOn = reads < 6 || (!(await isMarked()) && performance.now() < giveUpAt);
      if (goesOn) await bundle.addClients(1, `late ${reads}`);
      return source.readUnmirrored(after, limit);
    };
    const mirror = createMirror({
      graph,
      source: { ...source, readUnmirrored },
      onRefused: () => undefined,
    });
    await mirror.drain();
    locked.release();
    expect(await isMarked()).toBe(true);
    expect(performance.now()).toBeLessThan(giveUpAt);
    await bundle.mirror.drain();
    expect(await differences(bundle)).toEqual([]);
  });
});

async function behind({ source }: Bundle): Promise<boolean> {
  return (await source.backlog()).rows > 0;
}

test('while Neo4j is away, calls fail in time, and the turn is given back', async () => {
  const bundle = await openBundle('bolt://127.0.0.1:1');
  await bundle.addClients(1);
  await expect(bundle.mirror.drain()).rejects.toMatchObject({ code: 'neo4j_unavailable' });
  await expect(bundle.graph.ping()).rejects.toMatchObject({ code: 'neo4j_unavailable' });
  expect(await bundle.source.takeTurn(null, 0)).not.toBeNull();
});
