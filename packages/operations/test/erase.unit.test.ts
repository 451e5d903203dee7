import type { DlqEntry } from '@contour/contract';
import type { Person } from '@contour/store';
import { expect, test } from 'vitest';
import { eraseClient, lookForClient } from '../src/erase/erase-client.ts';
import type { EraseDeps } from '../src/erase/search.ts';

const PERSON: Person = {
  ...{ tenantId: 'us', clientId: 'client', isKnown: true, phone: null, dialogIds: ['dialog'] },
  identities: [{ channel: 'telegram', externalId: 'chat' }],
};

const body = (fingerprint: string) =>
  JSON.stringify({ channel: 'telegram', external_chat_id: 'chat', fingerprint });

const entry = (id: string, fingerprint: string, tenantId: string | null = null) =>
  ({ id, tenantId, clientId: null, message: null, raw: body(fingerprint) }) as DlqEntry;

const NO_ROWS = {
  ...{ messages: 0, lanes: 0, dialogs: 0, client_channels: 0, clients: 0, graph_removals: 0 },
};

interface World {
  messages: number;
  jobs: string[];
  entries: DlqEntry[];
  note: string | null;
  acts: string[];
}

/** A small installation without a graph: rows in Postgres, and texts that wait in Redis. */
function openWorld(change: Partial<World> = {}): { world: World; deps: EraseDeps } {
  const world: World = { messages: 2, jobs: [], entries: [], note: null, acts: [], ...change };
  const hits = (found: number, removed: number) => ({ found, removed, unclear: [] });
  const deps: EraseDeps = {
    tables: {
      countPerson: async ({ isKnown }) => ({
        ...NO_ROWS,
        messages: world.messages,
        clients: isKnown && world.messages > 0 ? 1 : 0,
      }),
      async erasePerson(person, onMessages) {
        world.acts.push('erase rows');
        onMessages(['m1', 'm2']);
        const removed = { ...NO_ROWS, messages: world.messages, clients: 1 };
        world.messages = 0;
        return { removed, person: { ...person, dialogIds: ['dialog', 'later'] } };
      },
      dropGraphNotes: async ({ dialogIds }) =>
        void world.acts.push(`drop notes of ${dialogIds.join(' and ')}`),
      forgetFormer: async (ids) => void world.acts.push(`forget entries of ${ids.length}`),
      entries: async function* () {
        yield [...world.entries];
      },
      async eraseEntries(ids) {
        world.entries = world.entries.filter(({ id }) => !ids.includes(id));
        return ids.length;
      },
    },
    eraser: {
      async jobs(judge, mayRemove) {
        const theirs = world.jobs.filter((text) => judge(text) === 'theirs');
        if (mayRemove) world.jobs = world.jobs.filter((text) => !theirs.includes(text));
        return hits(theirs.length, mayRemove ? theirs.length : 0);
      },
      streamEntries: async () => hits(0, 0),
      forgetMessages: async (ids) => void world.acts.push(`forget notes of ${ids.length}`),
      begun: async () => world.note,
      begin: async (_name, text) => {
        world.note = text;
      },
      end: async () => {
        world.note = null;
      },
      rewriteAof: async () => 'rewritten',
    },
    index: { read: async () => ({ jobs: [], former: [], next: null }), dropFormer: async () => {} },
    graph: undefined,
    recognition: {
      person: PERSON,
      accounts: {
        own: new Map([['telegram', new Set(['ours'])]]),
        others: new Map([['telegram', new Set(['theirs'])]]),
      },
      region: 'RU',
    },
    onStep: () => {},
  };
  return { world, deps };
}

const placesOf = ({ places }: Awaited<ReturnType<typeof eraseClient>>) =>
  Object.fromEntries(places.map(({ place, ...counts }) => [place, counts]));

test('a search counts what there is, and changes nothing', async () => {
  const { world, deps } = openWorld({ jobs: [body('ours')], entries: [entry('a', 'ours', 'us')] });
  const proof = await lookForClient(deps);
  expect(placesOf(proof)).toMatchObject({
    'Postgres messages': { found: 2 },
    'Redis jobs in resolve': { found: 1 },
    'Postgres dead letters': { found: 1 },
  });
  expect(proof.aof).toBeNull();
  expect(world).toMatchObject({ messages: 2, acts: [], note: null });
});

test('an erasure removes everything, proves it, and drops its note', async () => {
  const { world, deps } = openWorld({
    jobs: [body('ours'), body('theirs')],
    entries: [entry('a', 'ours'), entry('b', 'theirs')],
  });
  const proof = await eraseClient(deps);
  expect(placesOf(proof)).toMatchObject({
    'Postgres messages': { found: 2, removed: 2, left: 0 },
    'Redis jobs in resolve': { found: 1, removed: 1, left: 0 },
    'Postgres dead letters': { found: 1, removed: 1, left: 0 },
  });
  expect(proof).toMatchObject({ unclear: [], aof: 'rewritten' });
  expect(world).toMatchObject({ note: null, jobs: [body('theirs')], entries: [{ id: 'b' }] });
  expect(world.acts).toEqual([
    ...['erase rows', 'forget notes of 2', 'forget entries of 2'],
    'drop notes of dialog and later',
  ]);
});

test('a message of an unclear owner stays, and so does the note that leads to it', async () => {
  const { world, deps } = openWorld({ entries: [entry('a', 'gone')] });
  const { unclear } = await eraseClient(deps);
  expect(unclear).toEqual([
    { place: 'Postgres dead letters', count: 1, ids: ['a'], todo: expect.any(String) },
  ]);
  expect(world.entries).toHaveLength(1);
  expect(JSON.parse(world.note ?? '')).toMatchObject({ clientId: 'client' });
});

test('after an interruption, the note leads to messages of a client that Postgres has deleted', async () => {
  const { world, deps } = openWorld({ messages: 0, jobs: [body('ours')] });
  world.note = JSON.stringify(PERSON);
  deps.recognition.person = { ...PERSON, isKnown: false, identities: [], dialogIds: [] };
  const proof = await eraseClient(deps);
  expect(placesOf(proof)['Redis jobs in resolve']).toEqual({ found: 1, removed: 1, left: 0 });
  expect(proof.person).toMatchObject({ isKnown: false, identities: PERSON.identities });
  expect(world.note).toBeNull();
});

test('the graph is drained until the nodes of the person are gone', async () => {
  const { deps, world } = openWorld();
  let nodes = ['client', 'chat', 'dialog'];
  const lookFor = (what: string) => (nodes.includes(what) ? [{ owners: [], phone: null }] : []);
  const look = async (kind: string) =>
    lookFor({ clients: 'client', identities: 'chat', dialogs: 'dialog' }[kind] ?? '');
  let drains = 0;
  const drain = async () => {
    drains += 1;
    nodes = drains === 1 ? ['dialog'] : [];
  };
  const proof = await eraseClient({
    ...deps,
    graph: { look: look as never, countPhone: async () => 0, drain },
  });
  expect(placesOf(proof)['Neo4j nodes']).toEqual({ found: 3, removed: 3, left: 0 });
  expect(drains).toBe(2);
  expect(world.acts).not.toContain('drop notes of dialog and later');
});
