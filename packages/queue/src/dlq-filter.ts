import { type DlqEntry, type DlqReason, dlqEntry } from '@contour/contract';

export interface DlqFilter {
  reason?: DlqReason;
  tenantId?: string;
  fingerprint?: string;
  /** An ISO time: entries that failed earlier than this. */
  before?: string;
}

/** An entry as it is stored; what does not read as one (somebody else's job) is nobody's entry. */
export function readEntry(text: string): DlqEntry | undefined {
  try {
    return dlqEntry.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Tests a stored entry, and reads it only if it can match: most of 100 000 do not. */
export function entryMatcher(filter: DlqFilter): (text: string) => DlqEntry | undefined {
  const { reason, tenantId, fingerprint, before } = filter;
  const marks = Object.entries({ reason, tenantId, fingerprint })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const beforeMs = before === undefined ? Number.POSITIVE_INFINITY : Date.parse(before);

  return (text) => {
    if (!marks.every((mark) => text.includes(mark))) return undefined;
    const entry = readEntry(text);
    if (entry === undefined) return undefined;
    const matches =
      (reason === undefined || entry.reason === reason) &&
      (tenantId === undefined || entry.tenantId === tenantId) &&
      (fingerprint === undefined || entry.message?.fingerprint === fingerprint) &&
      Date.parse(entry.failedAt) < beforeMs;
    return matches ? entry : undefined;
  };
}
