export type { GraphOptions } from './connection.ts';
export { createGraph, type Graph } from './create-graph.ts';
export { createMirror, type Drain, type Mirror, type Refusal } from './create-mirror.ts';
export { type Comparison, type Difference, verifyMirror } from './verify-mirror.ts';
