import type { DlqReason } from '@contour/contract';

export interface DlqFilter {
  reason?: DlqReason | undefined;
  tenantId?: string | undefined;
  fingerprint?: string | undefined;
  /** An ISO time: entries that failed earlier than this. */
  before?: string | undefined;
}

const CONDITIONS: ReadonlyArray<[keyof DlqFilter, (place: string) => string]> = [
  ['reason', (place) => `p.reason = ${place}::text`],
  ['tenantId', (place) => `p.tenant_id = ${place}::uuid`],
  ['fingerprint', (place) => `p.fingerprint = ${place}::text`],
  ['before', (place) => `p.failed_at < ${place}::timestamptz`],
];

export interface Conditions {
  /** Names the set of conditions. Statements with the same key have the same text. */
  key: string;
  /** To be joined with others by `and`. */
  sql: string;
  values: string[];
}

/** A filter as SQL about a row `p`, with its parameters from `$first` on. */
export function conditionsOf(filter: DlqFilter, first: number): Conditions {
  const given = CONDITIONS.filter(([name]) => filter[name] !== undefined);
  return {
    key: given.map(([name]) => name).join(' '),
    sql: given.map(([, write], index) => ` and ${write(`$${first + index}`)}`).join(''),
    values: given.map(([name]) => filter[name] as string),
  };
}
