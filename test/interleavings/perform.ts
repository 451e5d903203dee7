import type { Violation } from '../support/checker/violation.ts';
import type { Dice } from '../support/dice.ts';
import { explore } from './explore.ts';
import { judge } from './judge.ts';
import { type Choose, play, type Step, type Work } from './play.ts';
import type { Act, Notes, Scene } from './scene.ts';
import type { Stage } from './stage.ts';

/** The results of a scene in all played interleavings. */
export interface Review {
  scene: string;
  howMany: 'all' | 'some';
  played: number;
  ms: number;
  /** How often a participant started again. */
  restarts: number;
  /** The different results. */
  endings: Set<string>;
  /** The first interleaving that broke a rule: the exploration ended there. */
  broken?: { violations: Violation[]; interleaving: string };
}

const UNWATCHED = async <T>(request: () => T): Promise<T> => request();

async function inTurns(stage: Stage, acts: readonly Act[], notes: Notes): Promise<void> {
  const { pool, tenant } = stage;
  for (const act of acts) await act({ pool, tenant, notes, atCore: UNWATCHED });
}

/** `A begin, B commit, …` */
const inWords = (steps: readonly Step[]): string =>
  steps.map(({ by, name }) => `${'ABC'[by]} ${name}`).join(', ');

async function performOnce(stage: Stage, scene: Scene, choose: Choose) {
  const { before = [], acts, drain } = scene;
  const { tenant } = stage;
  const notes: Notes = { told: [], pushed: [] };
  await stage.wipe();
  await inTurns(stage, before, notes);
  const works = acts.map(
    (act): Work =>
      (pool, atCore) =>
        act({ pool, atCore, tenant, notes }),
  );
  const steps = await play(stage.table, works, choose);
  if (drain) await inTurns(stage, [drain], notes);
  return { steps, ...(await judge(stage.pool, notes, drain !== undefined)) };
}

function openReview(stage: Stage, scene: Scene, howMany: Review['howMany']) {
  const review: Review = {
    scene: scene.name,
    howMany,
    played: 0,
    ms: 0,
    restarts: 0,
    endings: new Set(),
  };
  const startedAt = performance.now();
  const perform = async (choose: Choose) => {
    const { steps, violations, ending } = await performOnce(stage, scene, choose);
    review.played += 1;
    review.ms = performance.now() - startedAt;
    review.restarts += steps.filter(({ name }) => name === 'rollback').length;
    review.endings.add(ending);
    if (violations.length > 0) review.broken = { violations, interleaving: inWords(steps) };
    return { steps, goOn: violations.length === 0 };
  };
  return { review, perform };
}

/** Every interleaving of a scene, until one breaks a rule. */
export async function performAll(stage: Stage, scene: Scene): Promise<Review> {
  const { review, perform } = openReview(stage, scene, 'all');
  await explore(perform);
  return review;
}

/** Random interleavings of a scene, until one breaks a rule. */
export async function performSome(
  stage: Stage,
  scene: Scene,
  dice: Dice,
  count: number,
): Promise<Review> {
  const { review, perform } = openReview(stage, scene, 'some');
  for (let goOn = true; goOn && review.played < count; ) {
    ({ goOn } = await perform((asking) => dice.pick(asking)));
  }
  return review;
}
