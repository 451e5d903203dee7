export { createGraph, type Graph } from './create-graph.ts';
export { createMirror, type Drain, type Mirror } from './create-mirror.ts';
export type { GraphOptions } from './open-connection.ts';
export type { Refusal } from './refusals.ts';
export type { Comparison, Difference } from './verify-deps.ts';
export { type Verification, verifyMirror } from './verify-mirror.ts';
