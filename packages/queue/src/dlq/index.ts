export { createDlqIndex, type DlqIndex, type IndexPage, type LegacyEntry } from './dlq-index.ts';
export { createReplay, messageToReplay, type Replay } from './replay.ts';
