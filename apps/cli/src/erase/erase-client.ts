import type { Graph } from '@contour/graph';
import {
  countPerson,
  dropGraphNotes,
  erasePerson,
  forgetFormer,
  type Person,
} from '@contour/store';
import { dropNote, merged, noteBegun, withNoted } from './known-person.ts';
import type { Recognition } from './recognise.ts';
import { bringGraphUpToDate, countInGraph } from './search-graph.ts';
import { searchWaiting, type WaitingPlace, type WaitingRooms } from './search-waiting.ts';

/** One place in which somebody was looked for. `left` is what the second search has found. */
interface PlaceProof {
  place: string;
  found: number;
  removed: number;
  left: number;
}

/** What is about one of their chats or their phone, and may be another tenant's: nothing touches it. */
interface Unclear {
  place: string;
  count: number;
  ids: string[];
  todo: string;
}

export interface Proof {
  person: Person;
  places: PlaceProof[];
  unclear: Unclear[];
  aof: Awaited<ReturnType<WaitingRooms['eraser']['rewriteAof']>> | null;
}

export interface EraseDeps extends WaitingRooms {
  /** Undefined where there is none. */
  graph: Graph | undefined;
  recognition: Recognition;
  /** How far an erasure has come: each step goes through all that there is. */
  onStep: (done: number, steps: number) => void;
}

const STEPS = 6;

type Counts = Record<string, number>;

const WAITING_PLACES = ['jobs', 'stream_entries', 'dlq'] as const;

const PLACES: Record<string, string> = {
  messages: 'Postgres messages',
  lanes: 'Postgres lanes',
  dialogs: 'Postgres dialogs',
  client_channels: 'Postgres client_channels',
  clients: 'Postgres clients',
  graph_removals: 'Postgres graph_removals',
  set_aside: 'Postgres contour_adoption_set_aside',
  jobs: 'Redis jobs in resolve',
  stream_entries: 'Redis stream entries',
  dlq: 'Postgres dead letters',
  graph: 'Neo4j nodes',
};

const WHEN_RESOLVED = 'run this again once a worker has had them';
const STEP_FOR: Record<WaitingPlace, string> = {
  jobs: WHEN_RESOLVED,
  stream_entries: WHEN_RESOLVED,
  dlq: 'look with contour dlq show <id>; contour dlq clear --fingerprint <…> removes them',
};

/** How much there is of them, place by place; nothing is touched. */
async function search(
  deps: EraseDeps,
  person: Person,
): Promise<{ counts: Counts; unclear: Unclear[] }> {
  // Whoever has these chats when Postgres has forgotten them is a new client, who wrote later.
  const here = person.isKnown ? person : { ...person, identities: [], phone: null };
  const counts: Counts = { ...(await countPerson(deps.pool, person)) };
  const { clients, client_channels } = await countPerson(deps.pool, here);
  Object.assign(counts, { clients, client_channels });
  const waiting = await searchWaiting(deps, { ...deps.recognition, person }, { mayRemove: false });
  for (const place of WAITING_PLACES) counts[place] = waiting[place].found;
  if (deps.graph !== undefined) counts.graph = await countInGraph(deps.graph, here);
  const unclear = WAITING_PLACES.flatMap((place) => {
    const ids = waiting[place].unclear;
    const found = { place: PLACES[place] ?? place, count: ids.length, ids, todo: STEP_FOR[place] };
    return ids.length === 0 ? [] : [found];
  });
  return { counts, unclear };
}

function proofOf(found: Counts, removed: Counts, left: Counts): PlaceProof[] {
  return Object.entries(PLACES)
    .filter(([key]) => key in found)
    .map(([key, place]) => ({
      place,
      found: found[key] ?? 0,
      removed: removed[key] ?? 0,
      left: left[key] ?? 0,
    }));
}

/** What an erasure would find. */
export async function lookForClient(deps: EraseDeps): Promise<Proof> {
  const person = await withNoted(deps.eraser, deps.recognition.person);
  const { counts, unclear } = await search(deps, person);
  return { person, places: proofOf(counts, {}, counts), unclear, aof: null };
}

/** Redis, Postgres, the graph, and Redis again; who it was as of the last moment, and what was removed. */
async function removeAll(
  deps: EraseDeps,
  person: Person,
): Promise<{ known: Person; removed: Counts }> {
  const { pool, graph, eraser, recognition } = deps;
  const fromWaiting = await searchWaiting(deps, { ...recognition, person }, { mayRemove: true });
  deps.onStep(2, STEPS);

  let forgotten: Promise<void> = Promise.resolve();
  const erased = await erasePerson(pool, person, (ids) => {
    forgotten = forgotten.then(async () => {
      await eraser.forgetMessages(ids);
      await forgetFormer(pool, ids);
    });
    forgotten.catch(() => undefined);
  });
  await forgotten;
  deps.onStep(3, STEPS);
  const known = merged(person, erased.person);
  if (graph === undefined) await dropGraphNotes(pool, known);
  else await bringGraphUpToDate(pool, graph, known);
  deps.onStep(4, STEPS);
  // Once more: what a worker had in hand at the first time may have been put back or parked.
  const again = await searchWaiting(deps, { ...recognition, person: known }, { mayRemove: true });

  const removed: Counts = { ...erased.removed };
  for (const place of WAITING_PLACES) {
    removed[place] = fromWaiting[place].removed + again[place].removed;
  }
  return { known, removed };
}

/**
 * What waits first, where only the chats and the phone say whose a message is; then Postgres, which forgets
 * these last; then the graph, which follows Postgres. A note in Redis says who it is until nothing is left
 * there, clear or unclear: so whatever moment it is cut off at, the next erasure finds the rest.
 */
export async function eraseClient(deps: EraseDeps): Promise<Proof> {
  const { eraser } = deps;
  const person = await withNoted(eraser, deps.recognition.person);
  deps.onStep(0, STEPS);
  const before = await search(deps, person);
  deps.onStep(1, STEPS);
  await noteBegun(eraser, person);
  const { known, removed } = await removeAll(deps, person);
  deps.onStep(5, STEPS);
  const after = await search(deps, known);
  deps.onStep(STEPS, STEPS);
  for (const place of ['graph', 'graph_removals']) {
    removed[place] = Math.max(0, (before.counts[place] ?? 0) - (after.counts[place] ?? 0));
  }
  // What is left elsewhere by chat or phone is of a new client, who wrote meanwhile.
  const isLeftInRedis = WAITING_PLACES.some((place) => (after.counts[place] ?? 0) > 0);
  if (!isLeftInRedis && after.unclear.length === 0) await dropNote(eraser, known);
  return {
    person: known,
    places: proofOf(before.counts, removed, after.counts),
    unclear: after.unclear,
    aof: await eraser.rewriteAof(),
  };
}
