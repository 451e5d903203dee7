import { randomInt } from 'node:crypto';
import { expect } from 'vitest';
import { isWholeMatrix, seedOfRun } from './seed.ts';

/** Repeatable random choices: the same seed gives the same ones. */
export interface Dice {
  /** A whole number, both ends included. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** 32 bits of a text: each row has its own choices, independent of the rows beside it. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}

/** Mulberry32: small, and even enough to choose moments and victims. */
function throwsFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function diceOf(seed: number, name: string): Dice {
  const next = throwsFrom(hashOf(`${seed} ${name}`));
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    between,
    chance: (probability) => next() < probability,
    pick(list) {
      const picked = list[between(0, list.length - 1)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
  };
}

let dice: Dice | undefined;

/** For names and credentials. With `npm run faults` they come from its seed, otherwise they are random. */
function chance(): Dice {
  if (dice === undefined) {
    const seed = isWholeMatrix() ? seedOfRun() : randomInt(2 ** 32);
    dice = diceOf(seed, expect.getState().testPath ?? '');
  }
  return dice;
}

/** A string of random hexadecimal digits. */
export function drawHex(digits: number): string {
  const draw = () => chance().between(0, 15).toString(16);
  return Array.from({ length: digits }, draw).join('');
}

export function drawDigits(digits: number): string {
  const draw = () => String(chance().between(0, 9));
  return Array.from({ length: digits }, draw).join('');
}
