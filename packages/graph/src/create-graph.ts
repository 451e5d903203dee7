import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  MIRROR_KINDS,
  type MirrorBatch,
  type MirrorKey,
  type MirrorKind,
  type MirrorRow,
  type MirrorTurn,
} from '@contour/contract';
import type { Transaction } from 'neo4j-driver';
import {
  asAppError,
  type GraphOptions,
  isTransient,
  type Mode,
  openConnection,
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
const texts: Record<string, string> = {};

/** The Cypher of queries/<name>.cypher. */
function query(name: string): string {
  texts[name] ??= readFileSync(new URL(`${name}.cypher`, FOLDER), 'utf8');
  return texts[name];
}

const CONSTRAINTS = query('constraints')
  .split(';')
  .filter((text) => text.trim() !== '');

/** Every method throws AppError('neo4j_unavailable') in bounded time while Neo4j is away. */
export type Graph = ReturnType<typeof createGraph>;

/** Neo4j may be away at any time, also now; the connection is restored by itself. */
export function createGraph(options: GraphOptions) {
  const connection = openConnection(options);

  async function ask<T>(timeoutMs: number, mode: Mode, work: Work<T>, maxTries = MAX_TRIES) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await connection.transact(timeoutMs, mode, work);
      } catch (error) {
        if (error instanceof TurnLost) throw error;
        // The server has rolled the transaction back, so a retry is safe.
        if (!isTransient(error) || tries === maxTries) throw asAppError(error);
        await delay(Math.random() * LONGEST_PAUSE_MS);
      }
    }
  }

  /** The values of one column. */
  const list = <T>(timeoutMs: number, mode: Mode, name: string, column: string, parameters = {}) =>
    ask(timeoutMs, mode, async (tx): Promise<T[]> => {
      const { records } = await tx.run(query(name), parameters);
      return records.map((record) => record.get(column));
    });
  const number = async (timeoutMs: number, mode: Mode, name: string, parameters = {}) =>
    (await list<number>(timeoutMs, mode, name, 'n', parameters))[0] ?? 0;

  return {
    ping: () => ask(PING_MS, 'READ', async (tx) => void (await tx.run('RETURN 1'))),
    /** Such as 5.26.0. */
    version: async () =>
      (await list<string>(PING_MS, 'READ', 'server_version', 'version'))[0] ?? 'unknown',
    /** Creates missing constraints. They make writes fast and nodes unique. */
    async prepare() {
      const names = CONSTRAINTS.map((text) => /CONSTRAINT (\w+)/.exec(text)?.[1]);
      if ((await number(WRITE_MS, 'READ', 'count_constraints', { names })) === names.length) return;
      for (const text of CONSTRAINTS) {
        // The server reads all nodes to create one.
        await ask(STREAM_MS, 'WRITE', async (tx) => void (await tx.run(text)));
      }
    },
    /** Writes all of the batch or nothing. Throws TurnLost if a later turn has written already. */
    write: (turn: MirrorTurn, batch: MirrorBatch) =>
      ask(WRITE_MS, 'WRITE', (tx) => writeBatch(tx, turn, batch)),
    /** The rows' nodes: their properties, and in `owners` the keys of the nodes that they belong to. */
    look: (kind: MirrorKind, rows: readonly MirrorRow[]) =>
      list<Record<string, unknown>>(READ_MS, 'READ', `look_${kind}`, 'found', { rows }),
    count: (kind: MirrorKind, tenantId: string) =>
      number(READ_MS, 'READ', `count_${kind}`, { tenant_id: tenantId }),
    /** Calls `handle` with the keys of a tenant's nodes, a thousand at a time. */
    eachKey(kind: MirrorKind, tenantId: string, handle: (keys: MirrorKey[]) => Promise<void>) {
      const work = async (tx: Transaction) => {
        const keys: MirrorKey[] = [];
        for await (const record of tx.run(query(`keys_of_${kind}`), { tenant_id: tenantId })) {
          keys.push(record.toObject() as MirrorKey);
          if (keys.length === CHUNK) await handle(keys.splice(0));
        }
        if (keys.length > 0) await handle(keys);
      };
      // Not retried, because keys would be handled twice.
      return ask(STREAM_MS, 'READ', work, 1);
    },
    tenants: () => list<string>(STREAM_MS, 'READ', 'tenants_in_graph', 'tenant_id'),
    /** Clients of a tenant with this phone. */
    countPhone: (tenantId: string, phone: string) =>
      number(READ_MS, 'READ', 'count_phone', { tenant_id: tenantId, phone }),
    /** Nodes of our labels without their whole key. */
    countKeyless: () => number(STREAM_MS, 'READ', 'count_keyless'),
    async removeKeyless() {
      while ((await number(READ_MS, 'WRITE', 'remove_keyless')) > 0);
    },
    close: connection.close,
  };
}

const WRITES = {
  clients: 'create_client',
  identities: 'link_channel',
  dialogs: 'create_dialog',
} as const;

const REMOVED_FIRST = ['dialogs', 'identities', 'clients', 'tenants'] as const;

/**
 * Throws TurnLost, which rolls back, if a later turn has written already. A write of a lost turn may still arrive, so the
 * node of the mirror stores the latest turn, and its lock orders all writers.
 */
async function writeBatch(
  tx: Transaction,
  { mirrorId, turn }: MirrorTurn,
  { removals, ...written }: MirrorBatch,
): Promise<void> {
  const statements: Record<string, readonly object[]> = {};
  for (const kind of MIRROR_KINDS) statements[WRITES[kind]] = written[kind];
  for (const kind of REMOVED_FIRST) {
    statements[`remove_${kind}`] = removals.filter((row) => row.kind === kind && row.isGone);
  }
  // Sent at once, and executed one after another: a round trip for each would double the time.
  const [held] = await Promise.all([
    tx.run(query('hold_turn'), { mirror_id: mirrorId, turn: BigInt(turn) }),
    ...Object.entries(statements)
      .filter(([, rows]) => rows.length > 0)
      .map(([name, rows]) => tx.run(query(name), { rows })),
  ]);
  const latest = held.records[0]?.get('latest') as number;
  if (latest > turn) throw new TurnLost(latest);
}
