import { GOALS, type Goal, isReached } from '../goals.ts';
import type { Figure, Results } from './results.ts';

export const shown = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);

export const goalOf = ({ atLeast, atMost }: Goal): string =>
  atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;

const rangeOf = ({ least, most, of }: Figure) =>
  of > 1 ? `${shown(least)} … ${shown(most)}, ${of} runs` : 'one run';

/** Each figure with a goal: its value, and whether it meets the goal. */
export function goalLines({ figures }: Results): string[] {
  return Object.entries(GOALS).flatMap(([name, goal]) => {
    const figure = figures[name];
    if (figure === undefined) return [];
    const mark = isReached(goal, figure.median) ? '✓' : '✗';
    return [
      `${mark} ${name.padEnd(42)}${shown(figure.median).padStart(7)}  ${goalOf(goal).padEnd(7)} (${rangeOf(figure)})`,
    ];
  });
}

/** The other figures. */
export function otherLines({ figures }: Results): string[] {
  return Object.entries(figures)
    .filter(([name]) => GOALS[name] === undefined)
    .map(([name, figure]) => {
      const value = `${shown(figure.median)} ${figure.unit}`.trim();
      return `  ${name.padEnd(54)}${value.padStart(10)}  (${rangeOf(figure)})`;
    });
}
