export type { Limits } from '@contour/upstream';
export { retryDelayMs } from './classify.ts';
export { type Core, createConsoleCore, type PushResult } from './core.ts';
export { createCore } from './create-core.ts';
export { parseSecret } from './sign.ts';
