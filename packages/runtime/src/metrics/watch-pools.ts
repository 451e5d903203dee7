import { Gauge, type Registry } from 'prom-client';

/** What a pool of Postgres connections says of itself, without asking anybody. */
export interface WatchedPool {
  totalCount: number;
  idleCount: number;
  waitingCount: number;
  options: { max?: number };
}

/** Shows the pools of this process, looked at when somebody asks for the metrics. */
export function watchPools(registry: Registry, pools: Record<string, WatchedPool>): void {
  const own = { labelNames: ['pool'], registers: [registry] };
  const show = (name: string, help: string, read: (pool: WatchedPool) => number) =>
    new Gauge({
      ...own,
      name,
      help,
      collect() {
        for (const [pool, facts] of Object.entries(pools)) this.set({ pool }, read(facts));
      },
    });
  show('contour_postgres_connections', 'Open connections of a pool.', (pool) => pool.totalCount);
  show('contour_postgres_idle', 'Those of them that nobody uses.', (pool) => pool.idleCount);
  show('contour_postgres_waiting', 'Who waits for a connection of a pool.', (p) => p.waitingCount);
  show('contour_postgres_limit', 'The most a pool may open.', (pool) => pool.options.max ?? 0);
}
