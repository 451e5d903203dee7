/**
 * What stands in the way. `apply`: contour adopt --apply sets it right and keeps what it replaced;
 * `decide`: only its owner can say; `cannot`: nothing can be adopted before it is changed.
 */
export interface Finding {
  code: string;
  what: string;
  verdict: 'apply' | 'decide' | 'cannot';
  count: number;
  /** At most five. */
  examples: string[];
  /** What --apply will do, or what there is to do first. */
  advice: string;
}
