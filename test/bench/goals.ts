/** The goal of each figure: at least, or at most. */
export interface Goal {
  of: string;
  atLeast?: number;
  atMost?: number;
}

export const GOALS: Record<string, Goal> = {
  resolve_vs_noop: {
    of: 'from the queue to the commit, against a worker that does nothing',
    atLeast: 0.4,
  },
  end_to_end_vs_transport: {
    of: 'from the queue to Core’s 2xx, against the way without a database',
    atLeast: 0.6,
  },
  end_to_end_vs_obvious_queue: { of: 'the same, against the obvious queue', atLeast: 1.6 },
  end_to_end_vs_obvious_queue_new_clients: { of: 'the same with 10 % new clients', atLeast: 3 },
  end_to_end_vs_obvious_queue_postgres_1ms: {
    of: 'the same with Postgres a millisecond away',
    atLeast: 3,
  },
  http_vs_obvious_service: {
    of: 'messages per CPU-second over HTTP, against the obvious service',
    atLeast: 0.75,
  },
  streams_vs_http: { of: 'messages per CPU-second, streams against HTTP', atLeast: 3 },
  resolver_vs_pgbench: { of: 'rows a second, against pgbench with the same SQL', atLeast: 0.8 },
  cpu_us_http: { of: 'CPU time of a message over HTTP, in µs', atMost: 350 },
  cpu_us_streams: { of: 'CPU time of a message through a stream, in µs', atMost: 200 },
  statements_per_message: { of: 'SQL statements for a message, saturated', atMost: 0.1 },
  p99_ms_at_50: { of: 'p99 of POST /resolve at 50 % of the capacity, in ms', atMost: 8 },
  p99_ms_at_80: { of: 'p99 of POST /resolve at 80 % of the capacity, in ms', atMost: 25 },
  idle_p50_batching: { of: 'p50 of an idle system, with batching against without', atMost: 1.05 },
  cost_10m_vs_10k: {
    of: 'CPU time of a message with 10 million clients, against 10 thousand',
    atMost: 1.3,
  },
  lane_10k_vs_1: {
    of: 'CPU time of a message in a dialog with 10 000 pending, against 1',
    atMost: 1.1,
  },
  rss_mb_api: { of: 'memory of the API after a million messages, in MB', atMost: 200 },
  rss_mb_worker: { of: 'memory of the worker after a million messages, in MB', atMost: 200 },
};

export const isReached = ({ atLeast, atMost }: Goal, value: number): boolean =>
  value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
