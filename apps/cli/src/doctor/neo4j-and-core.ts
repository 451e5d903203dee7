import { connect } from 'node:net';
import { createGraph, type GraphOptions } from '@contour/graph';
import { within } from '@contour/runtime';
import { reasonOf } from '../servers.ts';
import { type Check, fail, isAtLeast, LOOK_MS, ok, shownUrl, warn } from './check.ts';

/** Checks that the graph can be reached, and has a version that our statements need. */
export async function examineNeo4j(options: GraphOptions): Promise<Check[]> {
  const graph = createGraph(options);
  const where = shownUrl(options.uri);
  try {
    const version = await within(LOOK_MS, graph.version(), 'Neo4j');
    return [
      ok('neo4j', where),
      isAtLeast(version, 5, 0)
        ? ok('neo4j version', version)
        : fail('neo4j version', version, 'upgrade to 5 or later'),
    ];
  } catch (error) {
    const advice =
      'start it, or correct NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD; the rest works without it';
    // The driver writes general advice before the cause.
    const reason = reasonOf(error).replace(/^.*Caused by: /s, '');
    return [warn('neo4j', `${where}: ${reason}`, advice)];
  } finally {
    await graph.close();
  }
}

const PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

/** Checks that Core's port is open. Sends nothing, because a push would have effects. */
export async function examineCore(url: string): Promise<Check[]> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const socket = connect({ host, port: port === '' ? (PORTS[protocol] ?? 80) : Number(port) });
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  try {
    await within(LOOK_MS, opened, 'Core');
    return [ok('core', `${shownUrl(url)} listens`)];
  } catch (error) {
    const advice = 'start it, or correct CORE_URL; messages wait, and are retried';
    return [warn('core', `${shownUrl(url)}: ${reasonOf(error)}`, advice)];
  } finally {
    socket.destroy();
  }
}
