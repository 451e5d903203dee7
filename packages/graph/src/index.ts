export type { GraphOptions } from './connection.ts';
export { createGraph, type Graph } from './create-graph.ts';
export { createMirror, type Drain, type Mirror } from './create-mirror.ts';
export type { Refusal } from './refusals.ts';
export {
  type Comparison,
  type Difference,
  type Verification,
  verifyMirror,
} from './verify-mirror.ts';
