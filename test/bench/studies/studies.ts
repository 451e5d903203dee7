import type { Study } from '../study.ts';
import { CEILING_STUDY } from './ceilings.ts';
import { GROWTH_STUDIES } from './growth.ts';
import { HTTP_STUDY } from './http.ts';
import { IDLE_STUDY, LATENCY_STUDY } from './latency.ts';
import { QUEUE_STUDIES } from './queue.ts';
import { SQL_STUDY, STATEMENTS_STUDY } from './sql.ts';

/** All studies, in this order. */
export const STUDIES: readonly Study[] = [
  CEILING_STUDY,
  HTTP_STUDY,
  ...QUEUE_STUDIES,
  SQL_STUDY,
  STATEMENTS_STUDY,
  LATENCY_STUDY,
  IDLE_STUDY,
  ...GROWTH_STUDIES,
];
