import { afterAll, beforeAll, expect, test } from 'vitest';
import { diceOf } from '../support/dice.ts';
import { isWholeMatrix, seedOfRun } from '../support/seed.ts';
import { performAll, performSome, type Review } from './perform.ts';
import type { Scene } from './scene.ts';
import { openStage, type Stage } from './stage.ts';

const seed = seedOfRun();

/** Three participants have too many interleavings: this many are chosen at random. */
const SOME_OF_THREE = isWholeMatrix() ? 100 : 6;
/** Random interleavings without reduction. They must lead to no other results. */
const UNPRUNED = 40;

const TEST_MS = 240_000;

const right = (value: string | number, width: number) => String(value).padStart(width);

function tell(what: string, reviews: readonly Review[]): void {
  const played = reviews.reduce((sum, review) => sum + review.played, 0);
  const seconds = reviews.reduce((sum, review) => sum + review.ms / 1000, 0).toFixed(1);
  const lines = reviews.map((review) => {
    const columns = [
      right(`${review.howMany} ${review.played}`, 9),
      right((review.ms / 1000).toFixed(1), 9),
      right(review.restarts, 9),
      right(review.endings.size, 8),
    ];
    return `${columns.join('')}  ${review.scene}`;
  });
  const heading = `${what}: ${played} interleavings in ${seconds} s, seed ${seed}`;
  console.log([heading, '   played  seconds restarts endings', ...lines].join('\n'));
}

/**
 * A test for each scene: all interleavings of two participants, and some of three, keep every promise.
 * `npm test` plays the quick scenes, `npm run faults` all of them. Random choices come from the seed.
 */
export function reviewScenes(what: string, two: readonly Scene[], three: readonly Scene[]): void {
  let stage: Stage;
  const reviews: Review[] = [];
  beforeAll(async () => {
    stage = await openStage(3);
  });
  afterAll(async () => {
    await stage.close();
    tell(what, reviews);
  });

  const some = (scene: Scene, count: number) =>
    performSome(stage, scene, diceOf(seed, scene.name), count);
  const review = async (performed: Promise<Review>): Promise<Review> => {
    const done = await performed;
    reviews.push(done);
    expect(done.broken).toBeUndefined();
    return done;
  };

  const all = async (scene: Scene): Promise<void> => {
    const { endings } = await review(performAll(stage, scene));
    if (!isWholeMatrix()) return;
    const unpruned = await some(scene, UNPRUNED);
    expect(unpruned.broken).toBeUndefined();
    expect([...unpruned.endings].filter((ending) => !endings.has(ending))).toEqual([]);
  };

  const isPlayed = ({ quick }: Scene) => quick === true || isWholeMatrix();
  for (const scene of two.filter(isPlayed)) {
    test(`keeps every promise in all interleavings: ${scene.name}`, { timeout: TEST_MS }, () =>
      all(scene),
    );
  }
  for (const scene of three.filter(isPlayed)) {
    test(
      `keeps every promise in random interleavings: ${scene.name}`,
      { timeout: TEST_MS },
      async () => void (await review(some(scene, SOME_OF_THREE))),
    );
  }
}
