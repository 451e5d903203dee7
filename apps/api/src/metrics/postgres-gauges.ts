import { DLQ_REASONS, type MirrorBacklog } from '@contour/contract';
import type { OldestSnapshots } from '@contour/store/database';
import type { ParkedFacts } from '@contour/store/dead-letters';
import type { LaneFacts } from '@contour/store/lanes';
import { type CreateGauge, type Look, lookFor, showOne } from './look.ts';

export interface PostgresProbes {
  laneFacts(): Promise<LaneFacts>;
  oldestSnapshots(): Promise<OldestSnapshots>;
  parkedFacts(): Promise<ParkedFacts>;
  /** Null if there is no graph. */
  mirrorBacklog: (() => Promise<MirrorBacklog>) | null;
}

function laneGauges(gauge: CreateGauge): (facts: LaneFacts | undefined) => void {
  const lanes = gauge(
    'contour_lanes',
    'Lanes by state: due now, or blocked until their next attempt. Counted to 200 000.',
    'state',
  );
  const oldest = gauge(
    'contour_lanes_oldest_due_seconds',
    'Age of the oldest due lane, in seconds.',
  );
  return (facts) => {
    lanes.reset();
    showOne(oldest, facts?.oldestDueSeconds);
    if (facts === undefined) return;
    lanes.set({ state: 'due' }, facts.due);
    lanes.set({ state: 'blocked' }, facts.blocked);
  };
}

function parkedGauges(gauge: CreateGauge): (facts: ParkedFacts | undefined) => void {
  const entries = gauge(
    'contour_dlq_entries',
    'Entries of the dead-letter queue by their reason.',
    'reason',
  );
  const bytes = gauge(
    'contour_dlq_unknown_bytes',
    'Size of the dead-letter entries of unknown credentials, in bytes.',
  );
  return (facts) => {
    entries.reset();
    showOne(bytes, facts?.unknownBytes);
    if (facts === undefined) return;
    for (const reason of DLQ_REASONS) entries.set({ reason }, 0);
    for (const { reason, entries: count } of facts.byReason) entries.set({ reason }, count);
  };
}

function graphGauges(gauge: CreateGauge): (backlog: MirrorBacklog | undefined) => void {
  const rows = gauge('contour_graph_backlog_rows', 'Rows that the graph does not show yet.');
  const oldest = gauge(
    'contour_graph_backlog_oldest_seconds',
    'Age of the oldest row that the graph does not show yet, in seconds.',
  );
  return (backlog) => {
    showOne(rows, backlog?.rows);
    showOne(oldest, backlog?.oldestSeconds);
  };
}

function snapshotGauges(gauge: CreateGauge): (oldest: OldestSnapshots | undefined) => void {
  const seconds = gauge(
    'contour_postgres_oldest_snapshot_seconds',
    'Age of the oldest transaction that keeps Postgres from removing deleted rows, in seconds.',
  );
  const transactions = gauge(
    'contour_postgres_oldest_snapshot_transactions',
    'Transactions since the oldest snapshot that is held, also by a replication slot.',
  );
  return (oldest) => {
    showOne(seconds, oldest && (oldest.inTime?.seconds ?? 0));
    showOne(transactions, oldest && (oldest.inTransactions?.transactions ?? 0));
  };
}

/** What Postgres holds. Every API shows the same. */
export function postgresGauges(gauge: CreateGauge, probes: PostgresProbes): Look[] {
  const showBacklog = graphGauges(gauge);
  return [
    lookFor('postgres', probes.laneFacts, laneGauges(gauge)),
    lookFor('postgres', probes.oldestSnapshots, snapshotGauges(gauge)),
    lookFor('postgres', probes.parkedFacts, parkedGauges(gauge)),
    probes.mirrorBacklog === null
      ? async () => showBacklog(undefined)
      : lookFor('postgres', probes.mirrorBacklog, showBacklog),
  ];
}
