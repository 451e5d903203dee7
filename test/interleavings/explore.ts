import { dependent } from './footprint.ts';
import type { Choose, Step } from './play.ts';
import { racesOf } from './races.ts';

/** A point at which one participant is chosen, as far as it has been explored. */
interface Fork {
  asking: readonly number[];
  /** The sleep set: to choose one of these would repeat an explored interleaving. */
  asleep: ReadonlyMap<number, Step>;
  explored: Map<number, Step>;
  /** Participants whose choice here may lead to another result. */
  worthwhile: Set<number>;
  chosen: number;
  step?: Step;
}

/** How often in a row a replay of the same choices may differ, because the machine was slow. */
const MAX_STRAYED = 5;

function fork(asking: readonly number[], steps: readonly Step[], parent: Fork | undefined): Fork {
  const last = steps.at(-1);
  const asleep = new Map(
    [...(parent?.asleep ?? []), ...(parent?.explored ?? [])].filter(
      ([, step]) => last !== undefined && !dependent(step.footprint, last.footprint),
    ),
  );
  const awake = asking.filter((by) => !asleep.has(by));
  // The last participant goes on: in the first interleaving they run one after the other.
  const chosen = awake.includes(last?.by ?? -1) ? (last?.by ?? -1) : (awake[0] ?? -1);
  return { asking, asleep, explored: new Map(), worthwhile: new Set([chosen]), chosen };
}

/** Goes back to the last fork with an unexplored choice, and makes it. Empty at the end. */
function backtrack(path: Fork[]): Fork[] {
  for (let depth = path.length - 1; depth >= 0; depth -= 1) {
    const here = path[depth] as Fork;
    if (here.step !== undefined) here.explored.set(here.chosen, here.step);
    const next = [...here.worthwhile].find(
      (by) => !here.explored.has(by) && !here.asleep.has(by) && here.asking.includes(by),
    );
    if (next === undefined) continue;
    const { step: _, ...rest } = here;
    return [...path.slice(0, depth), { ...rest, chosen: next }];
  }
  return [];
}

/** Replays the choices of the path and continues from there. New forks are added to the path. */
function follow(path: Fork[]) {
  let depth = 0;
  let isOver: 'repeats' | 'strayed' | undefined;
  const choose: Choose = (asking, steps) => {
    const [anybody = -1] = asking;
    if (isOver !== undefined) return anybody;
    const parent = path[depth - 1];
    const step = steps.at(-1);
    const here = path[depth] ?? fork(asking, steps, parent);
    const isOther = parent?.step !== undefined && parent.step.name !== step?.name;
    if (isOther || (here.chosen !== -1 && !asking.includes(here.chosen))) isOver = 'strayed';
    // All are in the sleep set: the rest is known, and only runs to its end.
    else if (here.chosen === -1) isOver = 'repeats';
    if (isOver !== undefined) return anybody;
    path[depth] = here;
    depth += 1;
    return here.chosen;
  };
  return { choose, depth: () => depth, hasStrayed: () => isOver === 'strayed' };
}

/** Records the step of each fork, and where another choice may lead to another result. */
function learn(path: readonly Fork[], steps: readonly Step[]): void {
  for (const [index, here] of path.entries()) {
    const step = steps[index];
    if (step !== undefined) here.step = step;
  }
  for (const { at, by } of racesOf(steps)) {
    const here = path[at];
    if (here === undefined) continue;
    // A participant that does not ask there waits for another: any choice may end its wait.
    for (const one of here.asking.includes(by) ? [by] : here.asking) here.worthwhile.add(one);
  }
}

/**
 * Dynamic partial order reduction with sleep sets (Flanagan and Godefroid, 2005): plays every interleaving,
 * except those that differ from a played one only in the order of independent neighbours. Depth first,
 * each time from the start with the choices so far.
 *
 * `playOnce` returns whether to go on. Returns how many were played.
 */
export async function explore(
  playOnce: (choose: Choose) => Promise<{ steps: readonly Step[]; goOn: boolean }>,
): Promise<number> {
  let path: Fork[] = [];
  let played = 0;
  let strayed = 0;
  do {
    const way = follow(path);
    const { steps, goOn } = await playOnce(way.choose);
    played += 1;
    if (!goOn) break;
    strayed = way.hasStrayed() ? strayed + 1 : 0;
    if (strayed > MAX_STRAYED) throw new Error('the same choices lead to different steps');
    if (strayed > 0) continue;
    learn(path, steps.slice(0, way.depth()));
    path = backtrack(path);
  } while (path.length > 0);
  return played;
}
