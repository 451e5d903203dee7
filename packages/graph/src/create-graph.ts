import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  MIRROR_KINDS,
  type MirrorBatch,
  type MirrorKey,
  type MirrorKind,
  type MirrorRows,
  type MirrorTurn,
} from '@contour/contract';
import {
  asAppError,
  type GraphOptions,
  isTransient,
  openConnection,
  type Transaction,
  TurnLost,
  type Work,
} from './connection.ts';

const PING_MS = 1_500;
const WRITE_MS = 8_000;
const READ_MS = 30_000;
/** For statements that read all nodes. */
const STREAM_MS = 600_000;
const CHUNK = 1_000;
const MAX_TRIES = 8;
const LONGEST_PAUSE_MS = 300;

const FOLDER = new URL('../queries/', import.meta.url);
const texts = new Map<string, string>();

/** The Cypher of queries/<name>.cypher. */
function query(name: string): string {
  const known = texts.get(name);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`${name}.cypher`, FOLDER), 'utf8');
  texts.set(name, text);
  return text;
}

const CONSTRAINTS = query('constraints')
  .split(';')
  .filter((text) => text.trim() !== '');

/** A node in the graph: its properties, and the keys of the nodes that it belongs to. */
export interface Found {
  owners: (string | null)[][];
  [property: string]: unknown;
}

/** Neo4j. Every method throws AppError('neo4j_unavailable') in bounded time while Neo4j is away. */
export interface Graph {
  ping(): Promise<void>;
  /** Such as 5.26.0. */
  version(): Promise<string>;
  /** Creates missing constraints. They make writes fast and nodes unique. */
  prepare(): Promise<void>;
  /** Writes all of the batch or nothing. Throws TurnLost if a later turn has written already. */
  write(turn: MirrorTurn, batch: MirrorBatch): Promise<void>;
  look<Kind extends MirrorKind>(kind: Kind, rows: readonly MirrorRows[Kind][]): Promise<Found[]>;
  count(kind: MirrorKind, tenantId: string): Promise<number>;
  /** Calls `handle` with the keys of a tenant's nodes, a thousand at a time. */
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

/** Neo4j may be away at any time, also now; the connection is restored by itself. */
export function createGraph(options: GraphOptions): Graph {
  const connection = openConnection(options);
  const ask = async <T>(timeoutMs: number, mode: 'read' | 'write', work: Work<T>): Promise<T> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await connection.transact(timeoutMs, mode, work);
      } catch (error) {
        if (error instanceof TurnLost) throw error;
        // The server has rolled the transaction back, so a retry is safe.
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
        // The server reads all nodes to create one.
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
      // Not retried, because keys would be handled twice.
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

const WRITES = {
  clients: 'create_client',
  identities: 'link_channel',
  dialogs: 'create_dialog',
} as const;

const REMOVED_FIRST = ['dialogs', 'identities', 'clients', 'tenants'] as const;

/**
 * Writes a batch within a transaction. If `latest` is a later turn, that turn has written already, and the caller rolls
 * back. A write of a lost turn may still arrive, so the node of the mirror stores the latest turn, and its lock orders
 * all writers.
 */
async function writeBatch(
  tx: Transaction,
  { mirrorId, turn }: MirrorTurn,
  batch: MirrorBatch,
): Promise<{ latest: number }> {
  const statements: Array<[name: string, rows: readonly object[]]> = [
    ...MIRROR_KINDS.map((kind): [string, readonly object[]] => [WRITES[kind], batch[kind]]),
    ...REMOVED_FIRST.map((kind): [string, readonly object[]] => [
      `remove_${kind}`,
      batch.removals.filter((removal) => removal.kind === kind && removal.isGone),
    ]),
  ];
  // Sent at once, and executed one after another: a round trip for each would double the time.
  const [held] = await Promise.all([
    tx.run(query('hold_turn'), { mirror_id: mirrorId, turn: BigInt(turn) }),
    ...statements
      .filter(([, rows]) => rows.length > 0)
      .map(([name, rows]) => tx.run(query(name), { rows })),
  ]);
  return { latest: held.records[0]?.get('latest') as number };
}
