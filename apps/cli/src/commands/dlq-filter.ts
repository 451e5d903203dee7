import { DLQ_REASONS } from '@contour/contract';
import type { DlqFilter } from '@contour/store';
import type { Command } from 'commander';
import { UsageError } from '../cli.ts';
import { pickTenantId, TENANT_OPTION } from '../tenant-option.ts';

/** The API's filters, as they are typed. */
export interface FilterOptions {
  reason?: string;
  tenant?: string;
  fingerprint?: string;
  before?: string;
}

export function withFilter(command: Command): Command {
  return command
    .option('--reason <reason>', 'only this reason, such as unknown_tenant')
    .option(...TENANT_OPTION)
    .option('--fingerprint <sha256>', 'only of this channel account')
    .option('--before <time>', 'only what failed before, such as 2024-12-10T10:00:00Z');
}

function readTime(text: string): string {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const time = new Date(isTime ? text : Number.NaN);
  if (Number.isNaN(time.getTime())) {
    throw new UsageError('--before must be an ISO 8601 time with an offset');
  }
  return time.toISOString();
}

/** Throws UsageError for a malformed condition. Looks up the name of a tenant in the database. */
export async function filterOf(options: FilterOptions, env: NodeJS.ProcessEnv): Promise<DlqFilter> {
  const { tenant, fingerprint, before } = options;
  const reason = DLQ_REASONS.find((known) => known === options.reason);
  if (options.reason !== undefined && reason === undefined) {
    throw new UsageError(`--reason must be one of ${DLQ_REASONS.join(', ')}`);
  }
  if (fingerprint !== undefined && !/^[0-9a-f]{64}$/.test(fingerprint)) {
    throw new UsageError('--fingerprint must be a lower-case hex SHA-256');
  }
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(tenant === undefined ? {} : { tenantId: await pickTenantId(env, tenant) }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(before === undefined ? {} : { before: readTime(before) }),
  };
}

export const isEmptyFilter = (filter: DlqFilter): boolean => Object.keys(filter).length === 0;

/** Reads the value of --limit. */
export function readLimit(text: string): number {
  const limit = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= Number.MAX_SAFE_INTEGER) return limit;
  throw new UsageError('--limit must be a whole number, at least 1');
}
