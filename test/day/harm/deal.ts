import { setTimeout as delay } from 'node:timers/promises';
import type { Dice } from '../../support/dice.ts';
import type { Journal } from '../journal.ts';
import type { Range } from '../options.ts';

/** A fault, or the work of an operator. */
export interface Card {
  name: string;
  /** Returns what it has done. Undefined if there was nothing to do. */
  play(hand: Hand): Promise<string | undefined>;
}

/** The time that a card may take. */
export interface Hand {
  dice: Dice;
  /** These milliseconds, if the hour has as many left. */
  lasting(least: number, most: number): Promise<void>;
}

function shuffled<T>(cards: readonly T[], dice: Dice): T[] {
  const deck = [...cards];
  for (let i = deck.length - 1; i > 0; i -= 1) {
    const j = dice.between(0, i);
    const [a, b] = [deck[i] as T, deck[j] as T];
    deck[i] = b;
    deck[j] = a;
  }
  return deck;
}

/** Deals all cards before any comes again. Each hour continues where the last one ended. */
export function createDealer(o: {
  who: string;
  cards: readonly Card[];
  dice: Dice;
  restMs: Range;
  journal: Journal;
}) {
  const { who, cards, dice, restMs, journal } = o;
  let deck: Card[] = [];

  async function play(card: Card, untilMs: number): Promise<void> {
    const lasting = (least: number, most: number) =>
      delay(Math.max(0, Math.min(dice.between(least, most), untilMs - Date.now())));
    const startedAt = Date.now();
    const done = await card.play({ dice, lasting });
    if (done === undefined) return;
    const seconds = (Date.now() - startedAt) / 1000;
    journal.tell(who, `${card.name}: ${done}${seconds >= 1 ? ` (${seconds.toFixed(1)} s)` : ''}`);
  }

  return async function deal(untilMs: number): Promise<void> {
    for (;;) {
      await delay(dice.between(...restMs));
      if (Date.now() >= untilMs || cards.length === 0) return;
      if (deck.length === 0) deck = shuffled(cards, dice);
      const card = deck.pop();
      if (card !== undefined) await play(card, untilMs);
    }
  };
}

export type Deal = ReturnType<typeof createDealer>;
