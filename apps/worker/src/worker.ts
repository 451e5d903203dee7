// Without loading Fastify.
import { startProbeServer } from '@contour/http/probe-server';
import { type Logger, neo4jOf, type Shutdown, startScheduler } from '@contour/runtime';
import type { WorkerEnv } from './env.ts';
import { watchStalled } from './metrics/worker-metrics.ts';
import { openDeliverRole } from './roles/deliver.ts';
import { openGraphRole } from './roles/graph.ts';
import { openResolveRole } from './roles/resolve.ts';
import { openStreamRole } from './roles/stream.ts';
import { openParts, type Role } from './worker-parts.ts';

/** The part of SHUTDOWN_MS in which jobs may end by themselves; the rest is for closing what is left. */
const DRAIN_SHARE = 0.6;

/** Opens a worker and starts it. `shutdown` closes everything in the reverse order. */
export async function startWorker(
  env: WorkerEnv,
  logger: Logger,
  shutdown: Shutdown,
): Promise<void> {
  const stop = new AbortController();
  const parts = openParts(env, logger, shutdown, stop.signal);
  const { id, registry } = parts;

  const neo4j = neo4jOf(env);
  const openers: Record<WorkerEnv['WORKER_ROLES'][number], () => Role | undefined> = {
    deliver: () => openDeliverRole(parts),
    stream: () => openStreamRole(parts),
    graph: () => neo4j && openGraphRole(neo4j, parts),
    resolve: () => openResolveRole(parts, () => void shutdown.stop('stuck', 1)),
  };
  const roles: Role[] = [];
  for (const name of env.WORKER_ROLES) {
    const role = openers[name]();
    if (role === undefined) continue;
    roles.push(role);
    if (role.close) shutdown.add(name, role.close);
  }
  const consumers = roles.map(({ consumer }) => consumer);
  watchStalled(registry, consumers);

  const probes = await startProbeServer(env.HOST, env.WORKER_PORT, registry);
  shutdown.add('probes', () => probes.close());
  const duties = [...parts.duties, ...roles.flatMap((role) => role.duties)];
  const scheduler = startScheduler(duties, logger);
  shutdown.add('scheduler', () => scheduler.stop());
  shutdown.add('consumers', async () => {
    stop.abort();
    // All at once: they share the time in which work may end by itself.
    const drainMs = env.SHUTDOWN_MS * DRAIN_SHARE;
    const drained = await Promise.all(consumers.map((consumer) => consumer.close(drainMs)));
    if (drained.includes(false)) logger.warn('consumers.not_drained');
  });
  for (const consumer of consumers) consumer.start();
  logger.info({ id, roles: env.WORKER_ROLES, probes: probes.port }, 'worker.started');
}
