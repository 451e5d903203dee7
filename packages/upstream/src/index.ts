export {
  type CircuitState,
  type CircuitsOptions,
  createCircuits,
  type Health,
  type Limits,
} from './circuits.ts';
export { createUpstream, type Ending, type UpstreamOptions } from './create-upstream.ts';
