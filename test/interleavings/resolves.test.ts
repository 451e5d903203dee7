import { THREE_RESOLVES, TWO_RESOLVES } from './resolve-scenes.ts';
import { reviewScenes } from './review-scenes.ts';

reviewScenes('Resolves', TWO_RESOLVES, THREE_RESOLVES);
