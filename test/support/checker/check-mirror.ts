import neo4j from 'neo4j-driver';
import type { Pool } from '../outside-pool.ts';
import type { Violation } from './violation.ts';

/** A node or an edge, as one line. */
type Line = string;

const NODES = `
  select jsonb_build_object('Tenant', jsonb_build_object('tenant_id', t.id))::text as line
    from tenants t where exists (select from clients where tenant_id = t.id)
  union all
  select jsonb_build_object('Client', jsonb_strip_nulls(jsonb_build_object(
           'tenant_id', tenant_id, 'client_id', id, 'name', name, 'phone', phone)))::text
    from clients
  union all
  select jsonb_build_object('ChannelIdentity', jsonb_build_object(
           'tenant_id', tenant_id, 'channel', code, 'external_id', external_id))::text
    from client_channels join channels c on c.id = channel_id
  union all
  select jsonb_build_object('Dialog', jsonb_build_object(
           'tenant_id', tenant_id, 'dialog_id', d.id, 'channel', code, 'status',
           coalesce((array['active', 'waiting'])[status_id], 'closed')))::text
    from dialogs d join channels c on c.id = channel_id`;

const EDGES = `
  select format('%s %s OF %s', tenant_id, id, tenant_id) as line from clients
  union all
  select format('%s %s REACHED_AT %s %s %s', tenant_id, client_id, tenant_id, code, external_id)
    from client_channels join channels c on c.id = channel_id
  union all
  select format('%s %s IN %s %s', tenant_id, client_id, tenant_id, d.id) from dialogs d`;

/** Equal objects give equal texts, from either side. */
function nodeLine(label: string, properties: Record<string, unknown>): Line {
  return JSON.stringify([label, ...Object.entries(properties).sort()]);
}

async function expectedLines(pool: Pool): Promise<Line[]> {
  const nodes = await pool.query<{ line: string }>(NODES);
  const edges = await pool.query<{ line: string }>(EDGES);
  const shown = nodes.rows.flatMap(({ line }) =>
    Object.entries(JSON.parse(line) as Record<string, Record<string, unknown>>).map(
      ([label, properties]) => nodeLine(label, properties),
    ),
  );
  return [...shown, ...edges.rows.map(({ line }) => line)];
}

/** All nodes and edges that are connected with these tenants. */
async function readGraph(uri: string, tenants: readonly string[]): Promise<Line[]> {
  const driver = neo4j.driver(uri);
  try {
    const { records: nodes } = await driver.executeQuery(
      `MATCH (n:Tenant|Client|ChannelIdentity|Dialog) WHERE n.tenant_id IN $tenants
       RETURN labels(n) AS labels, properties(n) AS properties`,
      { tenants },
    );
    const { records: edges } = await driver.executeQuery(
      `MATCH (a:Tenant|Client|ChannelIdentity|Dialog)-[r]-() WHERE a.tenant_id IN $tenants
       WITH DISTINCT r, startNode(r) AS from, endNode(r) AS to
       RETURN [from.tenant_id, from.client_id, type(r), to.tenant_id, to.dialog_id, to.channel,
               to.external_id, to.client_id] AS parts, to.dialog_id AS dialog`,
      { tenants },
    );
    return [
      ...nodes.map((node) => nodeLine(node.get('labels').join(':'), node.get('properties'))),
      ...edges.map((edge) => {
        const [from, client, type, to, dialog, channel, ...rest] = edge.get('parts');
        const target = dialog === null ? [channel, ...rest] : [dialog];
        return [from, client, type, to, ...target].filter((part) => part !== null).join(' ');
      }),
    ];
  } finally {
    await driver.close();
  }
}

const countsOf = (lines: readonly Line[]) => {
  const counts = new Map<Line, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
};

/** Compares all nodes, edges and properties with Postgres. A duplicate node is a difference. */
export async function checkMirror(pool: Pool, neo4jUri: string): Promise<Violation[]> {
  const { rows: tenants } = await pool.query<{ id: string }>('select id from tenants');
  const graph = countsOf(
    await readGraph(
      neo4jUri,
      tenants.map(({ id }) => id),
    ),
  );
  const expected = countsOf(await expectedLines(pool));
  return [...new Set([...graph.keys(), ...expected.keys()])]
    .filter((line) => graph.get(line) !== expected.get(line))
    .map((line) => ({
      kind: 'mirror_differs' as const,
      detail: `${graph.get(line) ?? 0} times in the graph, not ${expected.get(line) ?? 0}: ${line}`,
    }));
}
