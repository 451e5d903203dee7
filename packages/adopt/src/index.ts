export { type Adoption, type Applied, applyAdoption, checkAdoption } from './adopt.ts';
export type { AdoptOptions } from './apply.ts';
export type { Finding } from './structure-findings.ts';
