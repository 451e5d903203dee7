import type { Eraser } from '@contour/queue/erase';
import type { Person } from '@contour/store/erase';
import {
  bringGraphUpToDate,
  countInGraph,
  type EraseDeps,
  searchWaiting,
  type WaitingPlace,
} from './search.ts';

export interface EraseProof {
  person: Person;
  places: ReturnType<typeof proofOf>;
  unclear: Awaited<ReturnType<typeof search>>['unclear'];
  aof: Awaited<ReturnType<Eraser['rewriteAof']>> | null;
}

type Counts = Record<string, number>;

const STEPS = 6;

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

const WHEN_RESOLVED = 'run this again when a worker has resolved them';
const STEP_FOR: Record<WaitingPlace, string> = {
  jobs: WHEN_RESOLVED,
  stream_entries: WHEN_RESOLVED,
  dlq: 'look with contour dlq show <id>; contour dlq clear --fingerprint <…> removes them',
};

/** Counts what there is of a person in each place, and changes nothing. */
async function search(deps: EraseDeps, person: Person) {
  const { tables, graph } = deps;
  // When Postgres has no such client, its chats and phone may belong to a new client.
  const known = person.isKnown ? person : { ...person, identities: [], phone: null };
  const { clients, client_channels } = await tables.countPerson(known);
  const counts: Counts = { ...(await tables.countPerson(person)), clients, client_channels };
  const waiting = await searchWaiting(deps, person, { mayRemove: false });
  for (const place of WAITING_PLACES) counts[place] = waiting[place].found;
  if (graph !== undefined) counts.graph = await countInGraph(graph, known);
  // Messages of one of the person's chats or phone that may be another tenant's. They are never removed.
  const unclear = WAITING_PLACES.flatMap((place) => {
    const ids = waiting[place].unclear;
    const found = { place: PLACES[place] ?? place, count: ids.length, ids, todo: STEP_FOR[place] };
    return ids.length === 0 ? [] : [found];
  });
  return { counts, unclear };
}

/** What was found and removed in each searched place, and what the second search has found. */
function proofOf(found: Counts, removed: Counts, left: Counts) {
  return Object.entries(PLACES)
    .filter(([key]) => key in found)
    .map(([key, place]) => ({
      place,
      found: found[key] ?? 0,
      removed: removed[key] ?? 0,
      left: left[key] ?? 0,
    }));
}

const noteName = ({ tenantId, clientId }: Person) => `${tenantId}:${clientId}`;

/** What was known of a person at the first or at the last look. */
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

/** Adds the note of an interrupted erasure, whose person Postgres may have deleted already. */
async function withNote({ eraser, recognition: { person } }: EraseDeps): Promise<Person> {
  const text = await eraser.begun(noteName(person));
  if (text === null) return person;
  return { ...merged(JSON.parse(text) as Person, person), isKnown: person.isKnown };
}

/** What an erasure would find. */
export async function lookForClient(deps: EraseDeps): Promise<EraseProof> {
  const person = await withNote(deps);
  const { counts, unclear } = await search(deps, person);
  return { person, places: proofOf(counts, {}, counts), unclear, aof: null };
}

/** Removes from Redis, Postgres, the graph, and Redis again. Returns the person as last known, too. */
async function removeAll(deps: EraseDeps, person: Person) {
  const { tables, graph, eraser } = deps;
  const fromWaiting = await searchWaiting(deps, person, { mayRemove: true });
  deps.onStep(2, STEPS);

  let forgotten: Promise<void> = Promise.resolve();
  const erased = await tables.erasePerson(person, (ids) => {
    forgotten = forgotten.then(async () => {
      await eraser.forgetMessages(ids);
      await tables.forgetFormer(ids);
    });
    forgotten.catch(() => undefined);
  });
  await forgotten;
  deps.onStep(3, STEPS);
  const known = merged(person, erased.person);
  if (graph === undefined) await tables.dropGraphNotes(known);
  else await bringGraphUpToDate(tables, graph, known);
  deps.onStep(4, STEPS);
  // Again, because a worker may have returned or parked a message that it was working on.
  const again = await searchWaiting(deps, known, { mayRemove: true });

  const removed: Counts = { ...erased.removed };
  for (const place of WAITING_PLACES) {
    removed[place] = fromWaiting[place].removed + again[place].removed;
  }
  return { known, removed };
}

/**
 * Erases a person and proves it by a second search. Waiting messages go first, because only the chats and
 * the phone lead to them, and Postgres deletes these last. The graph follows Postgres. A note in Redis
 * keeps the person's chats and phone until nothing is left there, clear or unclear, so that the next
 * erasure finds the rest after an interruption at any moment.
 */
export async function eraseClient(deps: EraseDeps): Promise<EraseProof> {
  const { eraser } = deps;
  const person = await withNote(deps);
  deps.onStep(0, STEPS);
  const before = await search(deps, person);
  deps.onStep(1, STEPS);
  await eraser.begin(noteName(person), JSON.stringify(person));
  const { known, removed } = await removeAll(deps, person);
  deps.onStep(5, STEPS);
  const after = await search(deps, known);
  deps.onStep(STEPS, STEPS);
  for (const place of ['graph', 'graph_removals']) {
    removed[place] = Math.max(0, (before.counts[place] ?? 0) - (after.counts[place] ?? 0));
  }
  // In other places, a chat or phone that is found now belongs to a new client.
  const isLeftInRedis = WAITING_PLACES.some((place) => (after.counts[place] ?? 0) > 0);
  if (!isLeftInRedis && after.unclear.length === 0) await eraser.end(noteName(known));
  return {
    person: known,
    places: proofOf(before.counts, removed, after.counts),
    unclear: after.unclear,
    aof: await eraser.rewriteAof(),
  };
}
