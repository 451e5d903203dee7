import { THREE_ON_A_LANE, TWO_ON_A_LANE } from './lane-scenes.ts';
import { reviewScenes } from './review-scenes.ts';

reviewScenes('Lanes', TWO_ON_A_LANE, THREE_ON_A_LANE);
