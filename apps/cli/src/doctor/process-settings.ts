import type { z } from 'zod';

/** The settings of both processes. */
export interface ProcessSettings {
  api: z.ZodObject;
  worker: z.ZodObject;
}

const APPS = new URL('../../../', import.meta.url);

/**
 * The very schemas by which the built processes beside this one check their settings: asked for when
 * they are wanted, as `start` runs those processes, so that no app is built upon another.
 */
export async function loadProcessSettings(): Promise<ProcessSettings> {
  const [api, worker] = await Promise.all([
    import(new URL('api/dist/env.js', APPS).href),
    import(new URL('worker/dist/env.js', APPS).href),
  ]);
  return { api: api.apiEnv, worker: worker.workerEnv };
}
