import { dlqFilter } from '@contour/operations';
import type { DlqFilter } from '@contour/store/dead-letters';
import type { Command } from 'commander';
import { UsageError } from '../cli.ts';
import { pickTenantId, TENANT_OPTION, wholeNumber } from '../options.ts';

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

/** Throws UsageError for a malformed condition. Looks up the name of a tenant in the database. */
export async function filterOf(options: FilterOptions, env: NodeJS.ProcessEnv): Promise<DlqFilter> {
  const { reason, tenant, fingerprint, before } = options;
  const read = dlqFilter.safeParse({ reason, fingerprint, before });
  const [fault] = read.error?.issues ?? [];
  if (fault !== undefined) throw new UsageError(`--${String(fault.path[0])} ${fault.message}`);
  const tenantId = tenant === undefined ? undefined : await pickTenantId(env, tenant);
  return { ...read.data, tenantId };
}

export const isEmptyFilter = (filter: DlqFilter): boolean =>
  Object.values(filter).every((condition) => condition === undefined);

/** Reads the value of --limit. */
export const readLimit = (text: string): number =>
  wholeNumber(text, [1, Number.MAX_SAFE_INTEGER], '--limit must be a whole number, at least 1');
