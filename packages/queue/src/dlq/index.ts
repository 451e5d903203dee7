export { createDlqIndex, type DlqIndex, type IndexPage, type LegacyEntry } from './dlq-index.ts';
export { createReplay, messageToReplay, type Replay, type ReplayDeps } from './replay.ts';
