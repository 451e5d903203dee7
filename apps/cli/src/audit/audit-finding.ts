/** What one check came to. A warning is for somebody's attention; only `violated` is a broken promise. */
export interface AuditFinding {
  check: string;
  promise: string;
  state: 'ok' | 'violated' | 'warning' | 'skipped';
  /** How much was looked at. */
  looked: number;
  violations: number;
  examples: string[];
  /** Why it was skipped. */
  note?: string;
}

export const skipped = (check: string, promise: string, note: string): AuditFinding => ({
  ...{ check, promise, note },
  ...{ state: 'skipped', looked: 0, violations: 0, examples: [] },
});
