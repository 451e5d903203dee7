export { retryDelayMs } from './backoff.ts';
export { type Answer, classify, type Verdict } from './classify.ts';
export { createConsoleCore } from './console-core.ts';
export type { Core, PushMessage, PushResult } from './core.ts';
export { type CoreLogger, type CoreOptions, createCore } from './create-core.ts';
export { parseSecret, signHeaders } from './sign.ts';
