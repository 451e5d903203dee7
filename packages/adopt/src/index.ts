export { type Adoption, type Applied, applyAdoption, checkAdoption } from './adopt.ts';
export type { AdoptOptions } from './batches.ts';
export type { Finding } from './structure-findings.ts';
