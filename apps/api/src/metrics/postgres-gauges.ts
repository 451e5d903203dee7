import { DLQ_REASONS, type MirrorBacklog } from '@contour/contract';
import type { LaneFacts, OldestSnapshots, ParkedFacts } from '@contour/store';
import { Gauge, type Registry } from 'prom-client';
import { type Look, lookFor, showOne } from './look.ts';

export interface PostgresProbes {
  laneFacts(): Promise<LaneFacts>;
  oldestSnapshots(): Promise<OldestSnapshots>;
  parkedFacts(): Promise<ParkedFacts>;
  /** Null where there is no graph. */
  mirrorBacklog: (() => Promise<MirrorBacklog>) | null;
}

function laneGauges(registry: Registry): (facts: LaneFacts | undefined) => void {
  const registers = [registry];
  const lanes = new Gauge({
    name: 'contour_lanes',
    help: 'Dialogs with something to deliver: due now, or blocked until their next attempt. Counted to 200 000.',
    labelNames: ['state'],
    registers,
  });
  const oldest = new Gauge({
    name: 'contour_lanes_oldest_due_seconds',
    help: 'For how long the dialog that has been due the longest has been so.',
    registers,
  });
  return (facts) => {
    lanes.reset();
    showOne(oldest, facts?.oldestDueSeconds);
    if (facts === undefined) return;
    lanes.set({ state: 'due' }, facts.due);
    lanes.set({ state: 'blocked' }, facts.blocked);
  };
}

function parkedGauges(registry: Registry): (facts: ParkedFacts | undefined) => void {
  const registers = [registry];
  const entries = new Gauge({
    name: 'contour_dlq_entries',
    help: 'Entries of the dead-letter queue by their reason.',
    labelNames: ['reason'],
    registers,
  });
  const bytes = new Gauge({
    name: 'contour_dlq_unknown_bytes',
    help: 'Size of the dead-letter entries of unknown credentials, in bytes.',
    registers,
  });
  return (facts) => {
    entries.reset();
    showOne(bytes, facts?.unknownBytes);
    if (facts === undefined) return;
    for (const reason of DLQ_REASONS) entries.set({ reason }, 0);
    for (const { reason, entries: count } of facts.byReason) entries.set({ reason }, count);
  };
}

function graphGauges(registry: Registry): (backlog: MirrorBacklog | undefined) => void {
  const registers = [registry];
  const rows = new Gauge({
    name: 'contour_graph_backlog_rows',
    help: 'Rows that the graph does not show yet.',
    registers,
  });
  const oldest = new Gauge({
    name: 'contour_graph_backlog_oldest_seconds',
    help: 'For how long the oldest of them has been waiting.',
    registers,
  });
  return (backlog) => {
    showOne(rows, backlog?.rows);
    showOne(oldest, backlog?.oldestSeconds);
  };
}

function snapshotGauges(registry: Registry): (oldest: OldestSnapshots | undefined) => void {
  const registers = [registry];
  const seconds = new Gauge({
    name: 'contour_postgres_oldest_snapshot_seconds',
    help: 'Age of the oldest transaction that keeps Postgres from removing deleted rows, in seconds.',
    registers,
  });
  const transactions = new Gauge({
    name: 'contour_postgres_oldest_snapshot_transactions',
    help: 'Transactions since the oldest snapshot that is held, also by a replication slot.',
    registers,
  });
  return (oldest) => {
    showOne(seconds, oldest && (oldest.inTime?.seconds ?? 0));
    showOne(transactions, oldest && (oldest.inTransactions?.transactions ?? 0));
  };
}

/** What Postgres holds, the same for whoever asks. */
export function postgresGauges(registry: Registry, probes: PostgresProbes): Look[] {
  const showBacklog = graphGauges(registry);
  return [
    lookFor('postgres', probes.laneFacts, laneGauges(registry)),
    lookFor('postgres', probes.oldestSnapshots, snapshotGauges(registry)),
    lookFor('postgres', probes.parkedFacts, parkedGauges(registry)),
    probes.mirrorBacklog === null
      ? async () => showBacklog(undefined)
      : lookFor('postgres', probes.mirrorBacklog, showBacklog),
  ];
}
