export type { FullClient } from './create-clients.ts';
export { type Arrival, findTenants } from './first-look.ts';
export { createForecast, type Prospect } from './forecast.ts';
export {
  type BatchResult,
  type Ending,
  type ResolvedBatch,
  type ResolveOptions,
  resolveIn,
  resolveTogether,
} from './resolve.ts';
export { resolveBatch } from './split-batch.ts';
