import { AppError } from '@contour/contract';
import { isAway } from '../until-it-works.ts';

/**
 * Whether a message failed for a reason of its own. Only such failures count towards giving it up: an absent server and
 * a wait for another message do not.
 */
export const failedByItself = (error: unknown): boolean =>
  !isAway(error) && !(error instanceof AppError && error.code === 'not_tried');
