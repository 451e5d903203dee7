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

type Check = Pick<AuditFinding, 'check' | 'promise'>;

/** What a check came to that was made: a promise is broken by one violation, unless it is `broken` otherwise. */
export const concluded = (
  { check, promise }: Check,
  looked: number,
  { violations, examples }: Pick<AuditFinding, 'violations' | 'examples'>,
  broken: 'violated' | 'warning' = 'violated',
): AuditFinding => ({
  ...{ check, promise, looked, violations, examples },
  state: violations === 0 ? 'ok' : broken,
});

export const skipped = (check: string, promise: string, note: string): AuditFinding => ({
  ...{ check, promise, note },
  ...{ state: 'skipped', looked: 0, violations: 0, examples: [] },
});
