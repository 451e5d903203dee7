import type { Consumer } from '@contour/queue/jobs';
import type { Duty } from '@contour/runtime';

/** A part of the work that a worker may take on. WORKER_ROLES names the roles of a worker. */
export interface Role {
  /** Takes the work. It is started last, and closed first and together with those of the other roles. */
  consumer: Pick<Consumer, 'start' | 'close'> & Partial<Pick<Consumer, 'stalled'>>;
  /** Periodic work. */
  duties: readonly Duty[];
  /** Closes what the role opened beside its consumer. */
  close?: () => Promise<void> | void;
}
