import { setTimeout as delay } from 'node:timers/promises';
import type { DlqEntry, MirroredClient, MirroredDialog, MirroredIdentity } from '@contour/contract';
import { createMirror, type Graph } from '@contour/graph';
import type { DlqIndex } from '@contour/queue/dlq';
import type { Eraser } from '@contour/queue/erase';
import type { Database } from '@contour/store/database';
import { deadLetters, eraseParked, forgetFormer } from '@contour/store/dead-letters';
import { countPerson, dropGraphNotes, erasePerson, type Person } from '@contour/store/erase';
import { createMirrorSource } from '@contour/store/graph';
import { boundTo } from '../bound.ts';
import { judgeEntry, judgeText, type Recognition, type Verdict } from './recognise.ts';

/** What an erasure does in Postgres. */
export function eraseTables(pool: Database) {
  const bound = boundTo(pool);
  return {
    countPerson: (person: Person): ReturnType<typeof countPerson> => countPerson(pool, person),
    erasePerson: (...order: [Person, (ids: string[]) => void]): ReturnType<typeof erasePerson> =>
      erasePerson(pool, ...order),
    dropGraphNotes: bound(dropGraphNotes),
    forgetFormer: bound(forgetFormer),
    entries: () => deadLetters(pool).matching({}, Number.POSITIVE_INFINITY),
    eraseEntries: bound(eraseParked),
  };
}

type EraseTables = ReturnType<typeof eraseTables>;

/** What an erasure reads in the graph, and how the graph is brought up to date. */
export interface EraseGraph extends Pick<Graph, 'look' | 'countPhone'> {
  drain(): Promise<unknown>;
}

export function eraseGraph(pool: Database, graph: Graph): EraseGraph {
  const source = createMirrorSource(pool);
  // A worker reports what the graph refuses.
  const mirror = createMirror({ graph, source, onRefused: () => {} });
  return { look: graph.look, countPhone: graph.countPhone, drain: mirror.drain };
}

export interface EraseDeps {
  tables: EraseTables;
  eraser: Omit<Eraser, 'close'>;
  /** The entries of an earlier version, in Redis. */
  index: Pick<DlqIndex, 'read' | 'dropFormer'>;
  /** Undefined where there is none. */
  graph: EraseGraph | undefined;
  recognition: Recognition;
  /** The progress of an erasure. Each step reads all there is. */
  onStep: (done: number, steps: number) => void;
}

/** Messages found and removed in one place, and the ids of those whose owner is unclear. */
type Hits = Awaited<ReturnType<Eraser['jobs']>>;

export type WaitingPlace = 'jobs' | 'stream_entries' | 'dlq';

async function searchDlq(
  { index, tables }: EraseDeps,
  recognition: Recognition,
  mayRemove: boolean,
): Promise<Hits> {
  const hits: Hits = { found: 0, removed: 0, unclear: [] };
  const theirsAmong = (entries: readonly DlqEntry[]) => {
    const judged = entries.map((entry) => ({ id: entry.id, is: judgeEntry(recognition, entry) }));
    const idsOf = (verdict: Verdict) =>
      judged.filter(({ is }) => is === verdict).map(({ id }) => id);
    const theirs = idsOf('theirs');
    hits.unclear.push(...idsOf('unclear'));
    hits.found += theirs.length;
    return mayRemove ? theirs : [];
  };
  // Redis first: an entry that a worker moves meanwhile is then found in Postgres.
  for (let after: string | null = '0'; after !== null; ) {
    const { former, next } = await index.read(after);
    const theirs = new Set(theirsAmong(former.map(({ entry }) => entry)));
    for (const { entry, digest } of former.filter(({ entry: { id } }) => theirs.has(id))) {
      await index.dropFormer(entry.id, digest);
      hits.removed += 1;
    }
    after = next;
  }
  for await (const entries of tables.entries()) {
    const theirs = theirsAmong(entries);
    if (theirs.length > 0) hits.removed += await tables.eraseEntries(theirs);
  }
  return hits;
}

/** Finds a person's messages that wait in Redis or are parked, and removes them if asked to. */
export async function searchWaiting(
  deps: EraseDeps,
  person: Person,
  { mayRemove }: { mayRemove: boolean },
): Promise<Record<WaitingPlace, Hits>> {
  const recognition = { ...deps.recognition, person };
  const judge = (text: string) => judgeText(recognition, text);
  const stream_entries = await deps.eraser.streamEntries(judge, mayRemove);
  const jobs = await deps.eraser.jobs(judge, mayRemove);
  // Last, because a worker may have parked a message that it was working on.
  const dlq = await searchDlq(deps, recognition, mayRemove);
  return { jobs, stream_entries, dlq };
}

/** A person's nodes, by client id, chats, dialogs and phone. */
export async function countInGraph(graph: EraseGraph, person: Person): Promise<number> {
  const { tenantId: tenant_id, clientId: client_id, identities, dialogIds, phone } = person;
  // Only the key of a row decides which node is read.
  const key = { tenant_id, client_id, changed_at: '' };
  const clients = [key as MirroredClient];
  const chats = identities.map(
    ({ channel, externalId }): MirroredIdentity => ({ ...key, channel, external_id: externalId }),
  );
  const dialogs = dialogIds.map((dialog_id) => ({ ...key, dialog_id }) as MirroredDialog);
  const found = [
    await graph.look('clients', clients),
    await graph.look('identities', chats),
    await graph.look('dialogs', dialogs),
  ];
  const nodes = found.reduce((sum, each) => sum + each.length, 0);
  const withPhone = phone === null ? 0 : await graph.countPhone(tenant_id, phone);
  // The client's own node has the phone, too, and is counted already.
  const own = found[0]?.some((node) => node.phone === phone) && phone !== null ? 1 : 0;
  return nodes + Math.max(0, withPhone - own);
}

const FOLLOW_WITHIN_MS = 30_000;
const LOOK_MS = 300;

/**
 * Removes from the graph what the deleted rows have left a note of. A worker may be doing so already;
 * without one, it is done here.
 */
export async function bringGraphUpToDate(
  tables: EraseTables,
  graph: EraseGraph,
  person: Person,
): Promise<void> {
  // A node that has the chats or the phone by now belongs to a new client, and stays.
  const own = { ...person, identities: [], phone: null };
  for (const until = Date.now() + FOLLOW_WITHIN_MS; Date.now() < until; await delay(LOOK_MS)) {
    await graph.drain();
    if ((await tables.countPerson(person)).graph_removals > 0) continue;
    if ((await countInGraph(graph, own)) === 0) return;
  }
}
