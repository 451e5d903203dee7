import * as adopt from './adopt/adopt.ts';
import type { AdoptOptions } from './adopt/adopt-options.ts';
import type { Database } from './database/database.ts';

export type { Adoption, Applied } from './adopt/adopt.ts';
export type { AdoptOptions } from './adopt/adopt-options.ts';
export const applyAdoption = adopt.applyAdoption as (
  db: Database,
  options: AdoptOptions,
) => Promise<adopt.Applied>;
export const checkAdoption = adopt.checkAdoption as (
  db: Database,
  options: AdoptOptions,
) => Promise<adopt.Adoption>;
export type { Finding } from './adopt/finding.ts';
export * from './audit/index.ts';
export * from './database/index.ts';
export * from './dead-letters/index.ts';
export * from './erase/index.ts';
export * from './graph/index.ts';
export * from './lanes/index.ts';
export * from './messages/index.ts';
export * from './migrations/index.ts';
export * from './migrations/schema.ts';
export * from './resolve/index.ts';
export * from './tenants/index.ts';
