import { createHash } from 'node:crypto';
import type { Dice } from '../../support/dice.ts';
import type { Behave, Behaviour, FakeCore } from '../../support/fake-core.ts';
import type { Town } from '../town.ts';
import type { Card } from './deal.ts';

/** One of this many messages is refused at first: it is dead until an operator replays it. */
const REFUSED_OF = 150;
const OUTAGE_MS = 60_000;

const isRefused = (key: string) =>
  createHash('sha256').update(key).digest().readUInt32BE(0) % REFUSED_OF === 0;

/** A Core with a certain behaviour that also refuses some messages. */
const inMood =
  (dice: Dice, mood: Behave): Behave =>
  (request, nth) => {
    if (nth === 1 && isRefused(request.key)) return { status: 400 };
    const behaviour = mood(request, nth);
    return 'status' in behaviour ? { delayMs: dice.between(0, 30), ...behaviour } : behaviour;
  };

const well: Behave = () => ({ status: 200 });

/** The ways in which Core fails for a while. `well` is the normal behaviour. */
export function coreCards(core: FakeCore, town: Town, dice: Dice): { well(): void; cards: Card[] } {
  const set = (mood: Behave) => core.behave(inMood(dice, mood));
  const sometimes =
    (chance: number, bad: Behaviour): Behave =>
    () =>
      dice.chance(chance) ? bad : { status: 200 };

  const spell = (name: string, mood: () => Behave, least: number, most: number): Card => ({
    name: `Core ${name}`,
    async play({ lasting }) {
      set(mood());
      await lasting(least, most);
      set(well);
      return 'well again';
    },
  });
  const slowForOne = (): Behave => {
    const { id } = dice.pick(town.tenants.slice(0, 5));
    return ({ body }) => ({ status: 200, ...(body.includes(id) ? { delayMs: 2_000 } : {}) });
  };

  set(well);
  return {
    well: () => set(well),
    cards: [
      spell('answers 500', () => () => ({ status: 500 }), 2_000, 10_000),
      spell(
        'answers 429 now and then',
        () => sometimes(0.3, { status: 429, headers: { 'retry-after': '2' } }),
        2_000,
        10_000,
      ),
      spell('is slow for one tenant', slowForOne, 3_000, 15_000),
      spell(
        'cuts after it has taken the message',
        () => sometimes(0.2, { cut: 'silent' }),
        2_000,
        8_000,
      ),
      spell(
        'cuts in the middle of its answer',
        () => sometimes(0.2, { cut: 'mid-answer' }),
        2_000,
        8_000,
      ),
      spell('does not answer now and then', () => sometimes(0.05, { hang: true }), 2_000, 8_000),
      spell('is away', () => () => ({ cut: 'silent' }), OUTAGE_MS, OUTAGE_MS),
    ],
  };
}
