import type { Channel } from '@contour/contract';
import type { Dice } from '../support/dice.ts';

const digits = (dice: Dice, count: number) =>
  Array.from({ length: count }, () => dice.between(0, 9)).join('');
const hex = (dice: Dice, count: number) =>
  Array.from({ length: count }, () => dice.between(0, 15).toString(16)).join('');

/** Every credential of the day has this form: one search finds any of them. */
const CREDENTIAL = /secret-[a-z]+-[0-9a-f]{24}|90909090909[0-9]{12}/;
/** Longer than a credential: pieces of a text are searched with this overlap. */
const SEAM = 64;

export function credentialOf(dice: Dice, channel: Channel): string {
  // These two are numbers.
  if (channel === 'vk' || channel === 'avito') return `90909090909${digits(dice, 12)}`;
  return `secret-${channel}-${hex(dice, 24)}`;
}

export function credentialIn(text: string): string | undefined {
  return CREDENTIAL.exec(text)?.[0];
}

/** Searches a text that arrives in pieces. */
export function createSearch(onFound: (credential: string) => void): (piece: string) => void {
  let seam = '';
  return (piece) => {
    const found = credentialIn(seam + piece);
    if (found !== undefined) onFound(found);
    seam = found === undefined ? (seam + piece).slice(-SEAM) : '';
  };
}
