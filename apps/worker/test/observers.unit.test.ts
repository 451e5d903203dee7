import {
  AppError,
  checkIncoming,
  type DlqEntry,
  type ObservedDelivery,
  type Outcome,
} from '@contour/contract';
import { expect, test } from 'vitest';
import { unresolvedLetter } from '../src/dlq/letters.ts';
import { createWorkerMetrics } from '../src/metrics/worker-metrics.ts';
import { observers, tailSubscriber } from '../src/observers.ts';

function messageOf() {
  const checked = checkIncoming({
    channel: 'telegram',
    account_fingerprint: 'f'.repeat(64),
    external_chat_id: '1',
    text: 'hello',
    message_ids: ['1'],
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  return checked.message;
}

const DELIVERY: ObservedDelivery = {
  ...{ tenantId: 'tenant', payload: '{"channel_id":1,', receivedAt: new Date(), attemptsBefore: 0 },
};
const RESOLVED = { kind: 'resolved', receipt: { tenantId: 'tenant' } } as Outcome;
const DUPLICATE = { kind: 'replayed', receipt: { tenantId: 'tenant' } } as Outcome;
const FAILED = new AppError('postgres_busy', 'locked', undefined);

test('an event reaches its subscribers in order, and no others', () => {
  const heard: string[] = [];
  const observer = observers(
    { delivered: () => heard.push('first'), settled: (attempts) => heard.push(`${attempts}`) },
    { delivered: ({ tenantId }) => heard.push(tenantId) },
    {},
  );
  observer.delivered(DELIVERY);
  observer.settled(3);
  observer.replayed();
  expect(heard).toEqual(['first', 'tenant', '3']);
});

function openTail(isWatched = true) {
  const counts: string[] = [];
  const observer = observers(
    tailSubscriber({
      isWatched: () => isWatched,
      count: (owner, event) => void counts.push(`${owner} ${event}`),
    }),
  );
  return { counts, observer };
}

test('the tail counts receipts by tenant, and attempts by whether Core accepted the message', () => {
  const { counts, observer } = openTail();
  observer.resolved('queue', [], [RESOLVED, DUPLICATE, FAILED, { kind: 'unknown_tenant' }]);
  observer.answered(DELIVERY, { outcome: 'delivered', ms: 1 });
  observer.answered(DELIVERY, { outcome: 'postponed', code: 'http_401', ms: 1 });
  expect(counts).toEqual([
    'tenant resolved',
    'tenant replayed',
    'tenant delivered',
    'tenant failing',
  ]);
});

test('the tail counts what is parked by its tenant, or by its account', () => {
  const { counts, observer } = openTail();
  const letter: DlqEntry = unresolvedLetter(messageOf(), { kind: 'unknown_tenant' }, 1);
  observer.parked(letter);
  observer.parked({ ...letter, tenantId: 'tenant', reason: 'conflict' });
  observer.parked({ ...letter, message: null, reason: 'invalid' });
  observer.dead(DELIVERY, 'core_refused');
  expect(counts).toEqual([
    `telegram:${'f'.repeat(64)} parked:unknown_tenant`,
    'tenant parked:conflict',
    ' parked:invalid',
    'tenant dead',
    'tenant parked:core_refused',
  ]);
});

test('a batch costs the tail nothing while it is not watched', () => {
  const { counts, observer } = openTail(false);
  observer.resolved('stream', [], [RESOLVED]);
  expect(counts).toEqual([]);
});

test('each event is counted under its channel, outcome and reason', async () => {
  const core = { circuits: () => ({ isOpen: true, openTenants: 2 }) };
  const { registry, subscribers } = createWorkerMetrics({ pools: {}, core });
  const observer = observers(...subscribers);
  const message = messageOf();
  observer.resolved('queue', [message, message, message], [RESOLVED, DUPLICATE, FAILED]);
  observer.answered(DELIVERY, { outcome: 'delivered', status: 204, ms: 20 });
  observer.answered(DELIVERY, { outcome: 'postponed', code: 'http_301', status: 301, ms: 20 });
  observer.answered(DELIVERY, { outcome: 'delivered', ms: 0 });
  observer.delivered(DELIVERY);
  observer.retried({ ...DELIVERY, payload: 'foreign' }, 'http_503');
  observer.dead(DELIVERY, 'core_exhausted');
  observer.parked(unresolvedLetter(message, { kind: 'conflict' }, 1));
  observer.notParked(unresolvedLetter(message, { kind: 'unknown_tenant' }, 1));
  observer.replayed();
  observer.dropped(4);
  observer.settled(7);

  const lines = (await registry.metrics()).split('\n');
  const counted = lines.filter((line) => /^contour_(?!nodejs|process)/.test(line));
  expect(counted.filter((line) => !/_bucket|_sum/.test(line) && !/ 0$/.test(line))).toEqual(
    expect.arrayContaining([
      'contour_core_circuit_open 1',
      'contour_core_tenant_circuits_open 2',
      'contour_resolved_total{channel="telegram",outcome="resolved"} 1',
      'contour_resolved_total{channel="telegram",outcome="replayed"} 1',
      'contour_resolve_batch_size_count{way="queue"} 1',
      'contour_resolve_seconds_count 1',
      'contour_core_answer_seconds_count{class="2xx"} 1',
      'contour_core_answer_seconds_count{class="3xx"} 1',
      'contour_core_refusals_total{status="3xx"} 1',
      'contour_delivered_total{channel="telegram"} 1',
      'contour_delivery_seconds_count 1',
      'contour_retried_total{channel="unknown",reason="http_5xx"} 1',
      'contour_dead_total{channel="telegram",reason="core_exhausted"} 1',
      'contour_parked_total{channel="telegram",reason="core_exhausted"} 1',
      'contour_parked_total{channel="telegram",reason="conflict"} 1',
      'contour_not_parked_total{channel="telegram"} 1',
      'contour_dlq_replayed_total 1',
      'contour_dlq_dropped_total 4',
      'contour_settle_batch_size_count 1',
    ]),
  );
});
