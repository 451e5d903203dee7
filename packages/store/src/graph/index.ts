export { createMirrorSource, isMirrorBehind } from './mirror-source.ts';
