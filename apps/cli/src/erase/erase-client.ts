import type { Graph } from '@contour/graph';
import { countPerson, dropGraphNotes, erasePerson, type Person, type Pool } from '@contour/store';
import type { Recognition } from './recognise.ts';
import { bringGraphUpToDate, countInGraph } from './search-graph.ts';
import { type RedisRooms, searchRedis } from './search-redis.ts';

/** One place in which somebody was looked for. `left` is what the second search has found. */
interface PlaceProof {
  place: string;
  found: number;
  removed: number;
  left: number;
}

export interface Proof {
  person: Person;
  places: PlaceProof[];
  /** Entries of the dead-letter queue of which nothing says whose they are. */
  unclear: string[];
  aof: Awaited<ReturnType<RedisRooms['eraser']['rewriteAof']>> | null;
}

export interface EraseDeps extends RedisRooms {
  pool: Pool;
  /** Undefined where there is none. */
  graph: Graph | undefined;
  recognition: Recognition;
}

type Counts = Record<string, number>;

/** How much there is of them, place by place; nothing is touched. */
async function search(
  deps: EraseDeps,
  person: Person,
): Promise<{ counts: Counts; unclear: string[] }> {
  const rows = await countPerson(deps.pool, person);
  const recognition = { ...deps.recognition, person };
  const { unclear, ...redis } = (await searchRedis(deps, recognition, { mayRemove: false })).found;
  const nodes = deps.graph === undefined ? {} : { graph: await countInGraph(deps.graph, person) };
  return { counts: { ...rows, ...redis, ...nodes }, unclear };
}

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
  dlq: 'Redis dead letters',
  graph: 'Neo4j nodes',
};

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
  const { person } = deps.recognition;
  const { counts, unclear } = await search(deps, person);
  return { person, places: proofOf(counts, {}, counts), unclear, aof: null };
}

/**
 * Redis first, where only the chats and the phone say whose a message is; then Postgres, which forgets
 * these last; then the graph, which follows Postgres. So whatever moment it is cut off at, the next erasure
 * finds the rest.
 */
export async function eraseClient(deps: EraseDeps): Promise<Proof> {
  const { pool, graph, eraser, recognition } = deps;
  const before = await search(deps, recognition.person);
  const fromRedis = await searchRedis(deps, recognition, { mayRemove: true });

  let queued: Promise<void> = Promise.resolve();
  const { person, removed } = await erasePerson(pool, recognition.person, (ids) => {
    queued = queued.then(() => eraser.forgetQueued(ids));
    queued.catch(() => undefined);
  });
  await queued;
  const known = merged(recognition.person, person);
  if (graph === undefined) await dropGraphNotes(pool, known);
  else await bringGraphUpToDate(pool, graph, known);
  // Once more: what a worker had in hand at the first time may have been put back or parked.
  const again = await searchRedis(deps, { ...recognition, person: known }, { mayRemove: true });

  const aof = await eraser.rewriteAof();
  const after = await search(deps, known);
  const total: Counts = { ...removed };
  for (const place of ['jobs', 'stream_entries', 'dlq'] as const) {
    total[place] = fromRedis.removed[place] + again.removed[place];
  }
  total.graph = Math.max(0, (before.counts.graph ?? 0) - (after.counts.graph ?? 0));
  return {
    person: known,
    places: proofOf(before.counts, total, after.counts),
    unclear: after.unclear,
    aof,
  };
}

/** All that was known of them at the first look or the last. */
function merged(first: Person, last: Person): Person {
  const key = (one: Person['identities'][number]) => `${one.channel} ${one.externalId}`;
  const identities = [...first.identities, ...last.identities];
  return {
    ...first,
    phone: last.phone ?? first.phone,
    identities: [...new Map(identities.map((one) => [key(one), one])).values()],
    dialogIds: [...new Set([...first.dialogIds, ...last.dialogIds])],
  };
}
