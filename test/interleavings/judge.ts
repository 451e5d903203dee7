import { checkAccepted } from '../support/checker/check-accepted.ts';
import { checkCore } from '../support/checker/check-core.ts';
import type { LedgerRow } from '../support/checker/ledger-row.ts';
import { checkTables } from '../support/checker/table-rules.ts';
import type { Violation } from '../support/checker/violation.ts';
import type { Pool } from '../support/outside-pool.ts';
import { answerOf, kindOf, type Notes } from './scene.ts';

interface Row extends LedgerRow {
  matchedBy: string;
  isNewClient: boolean;
  isNewDialog: boolean;
  attempts: number;
  contentHash: string;
  label: string;
}

const ROWS = {
  name: 'rows',
  text: `select id, tenant_id as "tenantId", client_id as "clientId", dialog_id as "dialogId", seq, status,
                payload::text as payload, matched_by as "matchedBy", is_new_client as "isNewClient",
                is_new_dialog as "isNewDialog", attempts, content_hash as "contentHash",
                payload->>'message_ids' as label, attempts_before > 0 as "wasReplayed"
           from messages order by dialog_id, seq`,
};

const CROWDED = {
  name: 'crowded_clients',
  text: `select format('client %s has %s identities', client_id, count(*)) as detail
           from client_channels group by tenant_id, client_id having count(*) > 20`,
};

/** The result of a run as text, independent of the ids that were made. */
function endingOf(rows: readonly Row[], { told, pushed }: Notes): string {
  const numbers = new Map<string, number>();
  const numberOf = (id: string) => numbers.get(id) ?? numbers.set(id, numbers.size + 1).size;
  const labels = new Map(rows.map((row) => [row.id, row.label]));
  const lines = [...rows]
    .sort((a, b) => (a.label < b.label ? -1 : 1))
    .map((row) =>
      [
        `${row.label} client ${numberOf(row.clientId)} dialog ${numberOf(row.dialogId)} seq ${row.seq}`,
        `${row.matchedBy} ${row.isNewClient} ${row.isNewDialog} ${row.status} ${row.attempts}`,
      ].join(' '),
    );
  const answers = told.map(
    ({ messageId, ending }) => `${labels.get(messageId)}: ${kindOf(ending)}`,
  );
  const core = pushed.map(({ messageId, taken }) => `${labels.get(messageId)} ${taken}`);
  return [...lines, ...answers.sort(), ...core].join('\n');
}

/** A message is new once and keeps the content of its first copy. All copies get the same answer. */
function answerViolations(rows: ReadonlyMap<string, Row>, { told }: Notes): Violation[] {
  const violations: Violation[] = [];
  const accuse = (detail: string) => violations.push({ kind: 'answer_disagrees', detail });
  const news = new Map<string, number>();
  const answers = new Map<string, string>();
  for (const { messageId, contentHash, ending } of told) {
    const kind = kindOf(ending);
    const isFirst = rows.get(messageId)?.contentHash === contentHash;
    const expected = isFirst ? ['resolved', 'replayed'] : ['conflict'];
    if (!expected.includes(kind)) accuse(`message ${messageId}: ${kind}`);
    if (kind === 'resolved') news.set(messageId, (news.get(messageId) ?? 0) + 1);
    if (!isFirst) continue;
    const first = answers.get(messageId) ?? answerOf(ending);
    answers.set(messageId, first);
    if (answerOf(ending) !== first) accuse(`message ${messageId}: ${first}, ${answerOf(ending)}`);
  }
  for (const messageId of rows.keys()) {
    const count = news.get(messageId) ?? 0;
    if (count !== 1) accuse(`message ${messageId} was new ${count} times`);
  }
  return violations;
}

/** Each client and each dialog is announced to Core as new once, with its first message. */
function newsViolations(rows: readonly Row[]): Violation[] {
  const violations: Violation[] = [];
  const accuse = (detail: string) => violations.push({ kind: 'payload_disagrees', detail });
  const clients = new Map<string, number>();
  for (const { id, clientId, seq, matchedBy, isNewClient, isNewDialog } of rows) {
    clients.set(clientId, (clients.get(clientId) ?? 0) + (isNewClient ? 1 : 0));
    if (isNewDialog !== (seq === 1)) accuse(`message ${id}: seq ${seq}, new dialog ${isNewDialog}`);
    if (isNewClient !== (matchedBy === 'created')) accuse(`message ${id}: ${matchedBy}`);
  }
  for (const [id, count] of clients) if (count !== 1) accuse(`client ${id} was new ${count} times`);
  return violations;
}

/** The requests to Core in the form that the checker reads. */
function coreOf({ pushed }: Notes) {
  const requests = pushed.map(({ messageId, body, taken }, index) => ({
    key: messageId,
    body,
    order: 2 * index,
    answer: { status: taken ? 200 : 500, order: 2 * index + 1 },
  }));
  return { requests, unequalKeys: () => [], strays: [], overflowed: () => false };
}

/** Applies all rules to one run. */
export async function judge(
  pool: Pool,
  notes: Notes,
  isDrained: boolean,
): Promise<{ violations: Violation[]; ending: string }> {
  const { rows } = await pool.query<Row>(ROWS);
  const ledger = new Map(rows.map((row) => [row.id, row]));
  const accepted = notes.told
    .filter(({ ending }) => 'receipt' in ending)
    .map(({ messageId, ending }) => ({ messageId, answer: answerOf(ending) }));
  const sent = new Set(notes.told.map(({ messageId }) => messageId));
  const inFlight = checkAccepted(ledger, accepted, sent);
  const crowded = await pool.query<{ detail: string }>(CROWDED);
  const violations = [
    ...(await checkTables(pool)),
    ...crowded.rows.map(({ detail }): Violation => ({ kind: 'crowded_client', detail })),
    ...inFlight.filter(({ kind }) => isDrained || kind !== 'not_drained'),
    ...answerViolations(ledger, notes),
    ...newsViolations(rows),
    ...(isDrained ? checkCore(ledger, coreOf(notes)) : []),
  ];
  return { violations, ending: endingOf(rows, notes) };
}
