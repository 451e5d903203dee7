import { setTimeout as delay } from 'node:timers/promises';
import type { MirroredClient, MirroredDialog, MirroredIdentity } from '@contour/contract';
import { createMirror, type Graph } from '@contour/graph';
import { countPerson, createMirrorSource, type Person, type Pool } from '@contour/store';

const DEADLINE_MS = 30_000;
const LOOK_MS = 300;

/** Nodes of a person, by client id, chats, dialogs and phone. */
export async function countInGraph(graph: Graph, person: Person): Promise<number> {
  const { tenantId: tenant_id, clientId: client_id, identities, dialogIds, phone } = person;
  // Only the key of a row decides which node is looked at.
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
  const others = phone === null ? 0 : await graph.countPhone(tenant_id, phone);
  // The client itself has that phone, too.
  const own = found[0]?.some((node) => node.phone === phone) && phone !== null ? 1 : 0;
  return nodes + Math.max(0, others - own);
}

/** Not by chat or phone: who has these by now is a new client, and will not go. */
async function isFollowed(pool: Pool, graph: Graph, person: Person): Promise<boolean> {
  if ((await countPerson(pool, person)).graph_removals > 0) return false;
  return (await countInGraph(graph, { ...person, identities: [], phone: null })) === 0;
}

/**
 * The rows are gone, and each has left a note of what has to leave the graph. A worker may be at it already;
 * where none is, it is done here.
 */
export async function bringGraphUpToDate(pool: Pool, graph: Graph, person: Person): Promise<void> {
  const mirror = createMirror({
    graph,
    source: createMirrorSource(pool),
    // What else the graph does not take is a worker's to tell.
    onRefused: () => {},
  });
  for (const until = Date.now() + DEADLINE_MS; ; await delay(LOOK_MS)) {
    await mirror.drain();
    if ((await isFollowed(pool, graph, person)) || Date.now() > until) return;
  }
}
