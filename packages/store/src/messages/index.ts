export { type Answer, findAnswer } from '../resolve/first-look.ts';
export { messageBlocks, removeOldMessages, takeRetentionTurn } from './retention.ts';
export { type Revival, reviveMessage } from './revive-message.ts';
export {
  deadAmong,
  findParticulars,
  findStoriesByTrace,
  findStory,
  findWaiting,
  type Particulars,
  type Story,
  type Waiting,
} from './story.ts';
