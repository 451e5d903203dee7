import type { DlqEntry, DlqReason, IncomingMessage, Outcome } from '@contour/contract';

/** An outcome that did not put the message into the ledger. */
export type Unresolved = Exclude<Outcome, { receipt: unknown }>;

const MEANING: Record<Unresolved['kind'], string> = {
  unknown_tenant: 'no tenant has this credential',
  tenant_disabled: 'the tenant or its channel account is switched off',
  conflict: 'these message ids were accepted with another text or media',
  invalid: 'the database refuses this message',
};

function meaningOf({ kind, tenantId }: { kind: DlqReason; tenantId?: string }): string {
  const meaning = MEANING[kind as Unresolved['kind']] ?? kind;
  return kind === 'unknown_tenant' && tenantId !== undefined ? `${meaning} any more` : meaning;
}

/** The dead-letter entry of a message that could not be resolved. */
export function unresolvedLetter(
  message: IncomingMessage,
  outcome: { kind: DlqReason; tenantId?: string },
  attempts: number,
  explanation?: string,
): DlqEntry {
  return {
    v: 1,
    id: message.messageId,
    reason: outcome.kind,
    stage: 'resolve',
    tenantId: outcome.tenantId ?? null,
    clientId: null,
    dialogId: null,
    error: {
      code: outcome.kind,
      message: explanation ?? meaningOf(outcome),
    },
    attempts,
    receivedAt: message.receivedAt,
    failedAt: new Date().toISOString(),
    message,
    raw: null,
  };
}
