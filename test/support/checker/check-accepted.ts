import type { Accepted } from '../send.ts';
import type { LedgerRow } from './ledger-row.ts';
import type { Violation } from './violation.ts';

function answerDisagrees(answer: string, row: LedgerRow): boolean {
  const told = JSON.parse(answer) as Record<string, unknown>;
  return (
    told.accepted !== true ||
    told.message_id !== row.id ||
    told.tenant_id !== row.tenantId ||
    told.client_id !== row.clientId ||
    told.dialog_id !== row.dialogId
  );
}

/** A repeated message gets the first answer, byte for byte. */
function differingAnswers(accepted: readonly Accepted[]): Violation[] {
  const first = new Map<string, string>();
  return accepted.flatMap(({ messageId, answer }): Violation[] => {
    if (answer === null) return [];
    const known = first.get(messageId) ?? answer;
    first.set(messageId, known);
    return answer === known ? [] : [{ kind: 'answers_differ', detail: `${known} and ${answer}` }];
  });
}

/**
 * accepted = delivered + dead + in flight, as sets: the ledger has every accepted message and only sent
 * ones, and none is in flight after the drain.
 */
export function checkAccepted(
  ledger: ReadonlyMap<string, LedgerRow>,
  accepted: readonly Accepted[],
  sent: ReadonlySet<string> | undefined,
): Violation[] {
  const violations = differingAnswers(accepted);
  for (const { messageId, answer } of accepted) {
    const row = ledger.get(messageId);
    if (row === undefined) {
      violations.push({ kind: 'lost', detail: `message ${messageId} was accepted` });
    } else if (answer !== null && answerDisagrees(answer, row)) {
      violations.push({ kind: 'answer_disagrees', detail: `message ${messageId}: ${answer}` });
    }
  }
  for (const row of ledger.values()) {
    if (row.status === 'pending') {
      violations.push({ kind: 'not_drained', detail: `message ${row.id} is pending` });
    }
    if (sent !== undefined && !sent.has(row.id)) {
      violations.push({ kind: 'phantom', detail: `message ${row.id} was never sent` });
    }
  }
  return violations;
}
