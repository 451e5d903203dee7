import { setTimeout as delay } from 'node:timers/promises';
import type { MirrorBatch, MirrorKey, MirrorKind, MirrorRows, MirrorTurn } from '@contour/contract';
import { asAppError, isTransient } from './graph-error.ts';
import { type GraphOptions, openConnection, type Work } from './open-connection.ts';
import { query } from './query.ts';
import { TurnLost } from './turn-lost.ts';
import { writeBatch } from './write-batch.ts';

const PING_MS = 1_500;
const WRITE_MS = 8_000;
const READ_MS = 30_000;
/** For what reads all nodes there are. */
const STREAM_MS = 600_000;
const CHUNK = 1_000;
const MAX_TRIES = 8;
const LONGEST_PAUSE_MS = 300;

const CONSTRAINTS = query('constraints')
  .split(';')
  .filter((text) => text.trim() !== '');

/** A node as the graph has it: properties, and the keys of what it hangs on. */
export interface Found {
  owners: (string | null)[][];
  [property: string]: unknown;
}

/** Neo4j. Every method throws AppError('neo4j_unavailable') in bounded time when it is away. */
export interface Graph {
  ping(): Promise<void>;
  /** Such as 5.26.0. */
  version(): Promise<string>;
  /** Makes the constraints that are missing; the writes rely on them for being fast, and single. */
  prepare(): Promise<void>;
  /** All of the batch or nothing. Throws TurnLost where a later turn has written already. */
  write(turn: MirrorTurn, batch: MirrorBatch): Promise<void>;
  look<Kind extends MirrorKind>(kind: Kind, rows: readonly MirrorRows[Kind][]): Promise<Found[]>;
  count(kind: MirrorKind, tenantId: string): Promise<number>;
  /** Hands over the keys of a tenant's nodes, a thousand at a time. */
  eachKey(
    kind: MirrorKind,
    tenantId: string,
    handle: (keys: MirrorKey[]) => Promise<void>,
  ): Promise<void>;
  tenants(): Promise<string[]>;
  /** Clients of a tenant with this phone. */
  countPhone(tenantId: string, phone: string): Promise<number>;
  /** Nodes of our labels without their whole key. */
  countKeyless(): Promise<number>;
  removeKeyless(): Promise<void>;
  close(): Promise<void>;
}

/** Neo4j may be away when this is called and whenever it likes; it is used again when it is back. */
export function createGraph(options: GraphOptions): Graph {
  const connection = openConnection(options);
  const ask = async <T>(timeoutMs: number, mode: 'read' | 'write', work: Work<T>): Promise<T> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await connection.transact(timeoutMs, mode, work);
      } catch (error) {
        // The server has undone a transaction before it says so: the same may well succeed now.
        if (error instanceof TurnLost) throw error;
        if (!isTransient(error) || tries === MAX_TRIES) throw asAppError(error);
        await delay(Math.random() * LONGEST_PAUSE_MS);
      }
    }
  };
  const number = (timeoutMs: number, mode: 'read' | 'write', name: string, parameters = {}) =>
    ask(timeoutMs, mode, async (tx) => {
      const { records } = await tx.run(query(name), parameters);
      return records[0]?.get('n') as number;
    });

  return {
    ping: () => ask(PING_MS, 'read', async (tx) => void (await tx.run('RETURN 1'))),
    version: () =>
      ask(PING_MS, 'read', async (tx) => {
        const { records } = await tx.run(query('server_version'));
        return String(records[0]?.get('version') ?? 'unknown');
      }),
    async prepare() {
      const names = CONSTRAINTS.map((text) => /CONSTRAINT (\w+)/.exec(text)?.[1]);
      if ((await number(WRITE_MS, 'read', 'count_constraints', { names })) === names.length) return;
      for (const text of CONSTRAINTS) {
        // On a graph that lost them, every node is read.
        await ask(STREAM_MS, 'write', async (tx) => void (await tx.run(text)));
      }
    },
    write: (turn, batch) =>
      ask(WRITE_MS, 'write', async (tx) => {
        const { latest } = await writeBatch(tx, turn, batch);
        if (latest > turn.turn) throw new TurnLost(latest);
      }),
    look: (kind, rows) =>
      ask(READ_MS, 'read', async (tx) => {
        const { records } = await tx.run(query(`look_${kind}`), { rows });
        return records.map((record) => record.get('found'));
      }),
    count: (kind, tenantId) => number(READ_MS, 'read', `count_${kind}`, { tenant_id: tenantId }),
    eachKey: (kind, tenantId, handle) =>
      // Not tried again: half of the keys would be handed over twice.
      connection
        .transact(STREAM_MS, 'read', async (tx) => {
          const records = tx.run(query(`keys_of_${kind}`), { tenant_id: tenantId });
          for await (const keys of inChunks(records)) await handle(keys);
        })
        .catch((error: unknown) => {
          throw asAppError(error);
        }),
    tenants: () =>
      ask(STREAM_MS, 'read', async (tx) => {
        const { records } = await tx.run(query('tenants_in_graph'));
        return records.map((record) => record.get('tenant_id'));
      }),
    countPhone: (tenantId, phone) =>
      number(READ_MS, 'read', 'count_phone', { tenant_id: tenantId, phone }),
    countKeyless: () => number(STREAM_MS, 'read', 'count_keyless'),
    async removeKeyless() {
      while ((await number(READ_MS, 'write', 'remove_keyless')) > 0);
    },
    close: () => connection.close(),
  };
}

async function* inChunks(records: AsyncIterable<{ toObject(): object }>) {
  let keys: MirrorKey[] = [];
  for await (const record of records) {
    keys.push(record.toObject() as MirrorKey);
    if (keys.length < CHUNK) continue;
    yield keys;
    keys = [];
  }
  if (keys.length > 0) yield keys;
}
