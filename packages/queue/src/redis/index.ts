export type { OnError } from './connect.ts';
