import { dependent } from './footprint.ts';
import type { Step } from './play.ts';

/** Two steps that could be swapped: participant `by` could have gone before step `at`. */
export interface Race {
  at: number;
  by: number;
}

/**
 * The races of one interleaving. Vector clocks hold what happened before what: for each step and
 * participant, the last step that must precede it, or is it.
 */
export function racesOf(steps: readonly Step[]): Race[] {
  const races: Race[] = [];
  const clocks: Array<Map<number, number>> = [];
  const last = new Map<number, number>();
  const join = (into: Map<number, number>, index: number) => {
    for (const [by, at] of clocks[index] ?? []) into.set(by, Math.max(into.get(by) ?? -1, at));
  };
  for (const [index, step] of steps.entries()) {
    const clock = new Map<number, number>();
    join(clock, last.get(step.by) ?? -1);
    join(clock, step.after);
    for (let at = index - 1; at >= 0; at -= 1) {
      const earlier = steps[at];
      if (earlier === undefined || earlier.by === step.by) continue;
      if ((clock.get(earlier.by) ?? -1) >= at) continue; // a step between them orders them
      if (!dependent(earlier.footprint, step.footprint)) continue;
      races.push({ at, by: step.by });
      join(clock, at);
    }
    clock.set(step.by, index);
    clocks.push(clock);
    last.set(step.by, index);
  }
  return races;
}
