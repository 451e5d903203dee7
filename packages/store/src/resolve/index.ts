export type { Arrival, BatchResult, Ending, FullClient, ResolveOptions } from './arrivals.ts';
export { createForecast, type Prospect } from './forecast.ts';
export { type ResolvedBatch, resolveIn } from './resolve.ts';
export { resolveBatch, resolveTogether } from './resolve-batch.ts';
export { findTenants } from './tenant.ts';
