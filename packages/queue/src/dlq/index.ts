export { createDlqIndex, type DlqIndex, type FormerLetter, type IndexPage } from './dlq-index.ts';
export { createReplay, messageToReplay, type Replay, type ReplayDeps } from './replay.ts';
