import {
  AppError,
  type MirrorBatch,
  type MirroredClient,
  type MirrorTurn,
} from '@contour/contract';
import { expect, test } from 'vitest';
import { TurnLost } from '../src/connection.ts';
import { createMirror, type Refusal } from '../src/create-mirror.ts';

const clientsOf = (count: number): MirroredClient[] =>
  Array.from({ length: count }, (_, n) => ({
    tenant_id: 't',
    client_id: String(n).padStart(6, '0'),
    name: null,
    phone: null,
    changed_at: '1',
  }));

const refusal = () =>
  new AppError(
    'unexpected',
    'refused',
    Object.assign(new Error('too long'), { code: 'Neo.DatabaseError.Statement.ExecutionFailed' }),
  );

interface World {
  clients?: number;
  /** Replaces the write to the graph. */
  write?: (turn: MirrorTurn, batch: MirrorBatch) => Promise<void>;
  takeTurn?: (seen: number) => MirrorTurn | null;
}

/** A mirror of clients in memory; `marked` holds the ids of those that are marked. */
function setUp({ clients = 0, write, takeTurn }: World) {
  const rows = clientsOf(clients);
  const marked = new Set<string>();
  const writes: number[] = [];
  const turns: string[] = [];
  const refused: Refusal[] = [];
  let turn = 0;
  const mirror = createMirror({
    onRefused: (one) => refused.push(one),
    graph: {
      prepare: async () => {},
      async write(taken, batch) {
        await write?.(taken, batch);
        writes.push(batch.clients.length);
      },
    },
    source: {
      async takeTurn(_own, seen) {
        turns.push(`take ${seen}`);
        turn = Math.max(turn, seen) + 1;
        return takeTurn ? takeTurn(seen) : { mirrorId: 'm', turn };
      },
      async endTurn(ended) {
        turns.push(`end ${ended.turn}`);
      },
      async readUnmirrored(after, limit) {
        const [last = ''] = after.clients ?? [];
        const page = rows
          .filter(({ client_id }) => client_id > last && !marked.has(client_id))
          .slice(0, limit);
        const batch = { clients: page, identities: [], dialogs: [], removals: [] };
        return { batch, next: { clients: [page.at(-1)?.client_id ?? last] } };
      },
      async mark(_turn, batch) {
        for (const { client_id } of batch.clients) marked.add(client_id);
        return true;
      },
    },
  });
  return { mirror, marked, writes, turns, refused };
}

test('batches grow while the graph keeps up', async () => {
  const { mirror, marked, writes, turns } = setUp({ clients: 1_000 });
  expect(await mirror.drain()).toEqual({ rows: 1_000, ended: 'done' });
  expect(writes).toEqual([40, 40, 80, 160, 320, 360]);
  expect(marked.size).toBe(1_000);
  expect(turns).toEqual(['take 0', 'end 1']);
});

test('batches start small again after the graph was away, and the turn is given back', async () => {
  let isAway = false;
  const { mirror, writes, turns } = setUp({
    clients: 200,
    write: async () => {
      isAway = !isAway && writes.length === 1;
      if (isAway) throw new AppError('neo4j_unavailable', 'away', undefined);
    },
  });
  await expect(mirror.drain()).rejects.toMatchObject({ code: 'neo4j_unavailable' });
  expect(turns).toEqual(['take 0', 'end 1']);
  await mirror.drain();
  expect(writes).toEqual([40, 40, 40, 80]);
});

test('a drain ends between two batches after its signal', async () => {
  const stop = new AbortController();
  const { mirror, marked } = setUp({ clients: 200, write: async () => stop.abort() });
  expect(await mirror.drain(stop.signal)).toEqual({ rows: 40, ended: 'stopped' });
  expect(marked.size).toBe(40);
});

test('a drain is busy while another worker has the turn', async () => {
  const { mirror, writes } = setUp({ clients: 1, takeTurn: () => null });
  expect(await mirror.drain()).toEqual({ rows: 0, ended: 'busy' });
  expect(writes).toEqual([]);
});

test('after a lost turn the next one is later than the graph has seen', async () => {
  const { mirror, turns } = setUp({
    clients: 1,
    write: async ({ turn }) => {
      if (turn < 41) throw new TurnLost(40);
    },
  });
  expect(await mirror.drain()).toEqual({ rows: 1, ended: 'done' });
  expect(turns).toEqual(['take 0', 'take 40', 'end 1', 'end 41']);
});

test('refused rows are found, reported once and skipped, and delay no other row', async () => {
  const bad = ['000007', '000012'];
  let refusals = 0;
  const { mirror, marked, refused } = setUp({
    clients: 40,
    write: async (_turn, { clients }) => {
      if (!clients.some(({ client_id }) => bad.includes(client_id))) return;
      refusals += 1;
      throw refusal();
    },
  });
  expect(await mirror.drain()).toEqual({ rows: 38, ended: 'done' });
  expect(refused.map(({ key }) => key.id)).toEqual(bad);
  expect(marked.size).toBe(38);
  const before = refusals;
  expect(await mirror.drain()).toEqual({ rows: 0, ended: 'done' });
  expect(refusals).toBe(before);
});

test('more than twenty refusals in a row count as a fault of the server', async () => {
  const { mirror, marked, refused } = setUp({
    clients: 40,
    write: async () => Promise.reject(refusal()),
  });
  await expect(mirror.drain()).rejects.toMatchObject({ code: 'unexpected' });
  expect(refused).toHaveLength(20);
  expect(marked.size).toBe(0);
});
