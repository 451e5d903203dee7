import { createProducer } from '@contour/queue';
import { readEnv } from '@contour/runtime';
import { type AddCommand, NotThere } from '../cli.ts';
import { serversEnv } from '../env.ts';
import { findMessages, type Sources, type Told } from '../message/find-messages.ts';
import { bodyOfMessage, linesOfMessage } from '../message/print-message.ts';
import { withDatabase } from '../with-database.ts';
import { withRedis } from '../with-redis.ts';

type Urls = { DATABASE_URL: string; REDIS_URL: string };

const withSources = <T>(urls: Urls, work: (sources: Sources) => Promise<T>): Promise<T> =>
  withRedis(urls.REDIS_URL, createProducer, (producer) =>
    withDatabase(urls.DATABASE_URL, (pool) => work({ pool, producer })),
  );

export const addMessage: AddCommand = (program, cli) => {
  const message = program
    .command('message')
    .description('what became of a message')
    .addHelpText('after', '\nExample:\n  contour message show trace_xyz789');
  message
    .command('show')
    .description('the whole story of a message, or of all messages of a trace, as a time line')
    .argument('<id>', 'a message id or a trace id')
    .option('--text', 'show also what it says')
    .addHelpText('after', '\nExample:\n  contour message show trace_xyz789')
    .action(async (id: string, { text: withText = false }: { text?: boolean }) => {
      const told = await withSources(readEnv(serversEnv, cli.env), async (sources) => {
        const all: Told[] = [];
        for await (const one of findMessages(sources, id)) all.push(one);
        return all;
      });
      if (told.length === 0) throw new NotThere('no message with this id or trace is known');
      cli.report({ messages: told.map((one) => bodyOfMessage(one, { withText })) }, () => {
        told.forEach((one, index) => {
          if (index > 0) cli.say('');
          linesOfMessage(one, { withText }).forEach(cli.say);
        });
      });
    });
};
