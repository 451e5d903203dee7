import { inject } from 'vitest';
import { isWholeMatrix } from '../../support/seed.ts';

/**
 * After every row of the whole matrix the graph is held against Postgres. With `npm test` it is only
 * where workers die, an erasure does, or the graph itself: it doubles what a system costs to start.
 */
export const graphOfMatrix = (): string | undefined =>
  isWholeMatrix() ? inject('neo4j').uri : undefined;
