import type { DlqEntry } from '@contour/contract';
import type { DeadLetter } from '@contour/store';

/** The dead-letter entry of a message that Core will not take. */
export function deadLetterEntry(
  letter: DeadLetter,
  error: { code: string; message: string },
  reason: 'core_refused' | 'core_exhausted',
): DlqEntry {
  return {
    v: 1,
    id: letter.message.messageId,
    reason,
    stage: 'deliver',
    tenantId: letter.tenantId,
    clientId: letter.clientId,
    dialogId: letter.dialogId,
    error,
    attempts: letter.attempts,
    receivedAt: letter.message.receivedAt,
    failedAt: new Date().toISOString(),
    message: letter.message,
    raw: null,
  };
}

/** The table of what Core may answer is packages/core's; a row keeps only the code of it. */
export const isWorthRetrying = (code: string): boolean =>
  /^(timeout|network|http_(404|408|425|429|5\d\d))$/.test(code);
