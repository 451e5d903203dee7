export type { Limits } from '@contour/upstream';
export { retryDelayMs } from './classify.ts';
export {
  type Core,
  createConsoleCore,
  createCore,
  type PushMessage,
  type PushResult,
} from './create-core.ts';
export { parseSecret } from './sign.ts';
