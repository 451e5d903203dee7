import type { ChainableCommander } from 'ioredis';

/** Sends a pipeline and returns its replies; one refused command is an error of the whole. */
export async function runPipeline(pipeline: ChainableCommander): Promise<unknown[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}
