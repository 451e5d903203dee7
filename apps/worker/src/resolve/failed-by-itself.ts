import { AppError } from '@contour/contract';
import { isAway } from '../until-it-works.ts';

/**
 * Whether a message failed for a reason of its own, which counts towards giving it up: not because a server is away,
 * and not because it waits for another message.
 */
export const failedByItself = (error: unknown): boolean =>
  !isAway(error) && !(error instanceof AppError && error.code === 'not_tried');
