export type { CircuitState, Health } from './circuit.ts';
export { type CircuitsOptions, createCircuits, type Pass } from './circuits.ts';
export { createUpstream, type Ending, type UpstreamOptions } from './create-upstream.ts';
export { parseRetryAfter, type RetryPolicy, retryDelay } from './retry.ts';
