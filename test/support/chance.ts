import { randomInt } from 'node:crypto';
import { expect } from 'vitest';
import { type Dice, diceOf } from './dice.ts';
import { isWholeMatrix, seedOfRun } from './seed.ts';

let dice: Dice | undefined;

/** By what names and credentials are drawn: with the fault matrix from its seed, otherwise at random. */
function chance(): Dice {
  if (dice === undefined) {
    const seed = isWholeMatrix() ? seedOfRun() : randomInt(2 ** 32);
    dice = diceOf(seed, expect.getState().testPath ?? '');
  }
  return dice;
}

/** So many hexadecimal digits. */
export function drawHex(digits: number): string {
  const draw = () => chance().between(0, 15).toString(16);
  return Array.from({ length: digits }, draw).join('');
}

export function drawDigits(digits: number): string {
  const draw = () => String(chance().between(0, 9));
  return Array.from({ length: digits }, draw).join('');
}
