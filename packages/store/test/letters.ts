import { type DlqEntry, fingerprintOf } from '@contour/contract';
import { entry } from '../../../test/support/samples.ts';
import type { Allowance, Letter } from '../src/dead-letters/index.ts';

export { entry, message } from '../../../test/support/samples.ts';

export const FIRST = fingerprintOf('first');

export const ROOM: Allowance = { count: 1_000, bytes: 2 ** 30 };

export const letter = (one: DlqEntry, wasRefused = false): Letter => ({ entry: one, wasRefused });

export const some = (count: number, over: Partial<DlqEntry> = {}): DlqEntry[] =>
  Array.from({ length: count }, () => entry(over));
