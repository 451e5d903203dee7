export { retryDelayMs } from './backoff.ts';
export type { CircuitsState, Limits } from './circuits.ts';
export { type Answer, classify, type Verdict } from './classify.ts';
export { createConsoleCore } from './console-core.ts';
export type { Core, PushMessage, PushResult } from './core.ts';
export { type CoreOptions, createCore } from './create-core.ts';
export type { CoreLogger } from './refusals.ts';
export { parseSecret, signHeaders } from './sign.ts';
