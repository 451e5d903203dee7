import { createMirrorSource } from '@contour/store';
import { inject, onTestFinished } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createGraph, createMirror, type Graph, type Mirror, type Refusal } from '../src/index.ts';

export interface Bundle {
  uri: string;
  pool: Pool;
  tenant: TestTenant;
  graph: Graph;
  source: ReturnType<typeof createMirrorSource>;
  mirror: Mirror;
  refused: Refusal[];
  /** Adds clients to the tenant, each with an identity and a dialog. */
  addClients(count: number, name?: string): Promise<void>;
}

export function openGraph(uri: string): Graph {
  const graph = createGraph({ uri, user: 'neo4j', password: undefined });
  onTestFinished(() => graph.close());
  return graph;
}

/** A database for one test, and its mirror in the graph that all tests share. */
export async function openBundle(uri = inject('neo4j').uri ?? ''): Promise<Bundle> {
  const { pool, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const tenant = await addTestTenant(pool);
  const graph = openGraph(uri);
  const source = createMirrorSource(pool);
  const refused: Refusal[] = [];
  const mirror = createMirror({ graph, source, onRefused: (one) => refused.push(one) });
  return {
    uri,
    pool,
    tenant,
    graph,
    source,
    mirror,
    refused,
    async addClients(count, name = 'client') {
      await pool.query(
        `with made as (
           insert into clients (tenant_id, id, name)
           select $1, gen_random_uuid(), $2 || ' ' || i from generate_series(1, $3::int) i
           returning tenant_id, id, name
         ), linked as (
           insert into client_channels (tenant_id, channel_id, external_id, client_id)
           select tenant_id, 1, name, id from made
         )
         insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
         select tenant_id, gen_random_uuid(), id, 1, $4 from made`,
        [tenant.id, name, count, tenant.accounts.telegram.id],
      );
    },
  };
}

/** Retries as workers do, because a new Neo4j on a busy machine may need longer than one write may take. */
export const mirrored = ({ mirror }: Bundle): Promise<unknown> =>
  waitFor('the mirror', () => mirror.drain(), { deadlineMs: 60_000 });
