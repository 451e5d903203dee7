import { randomBytes } from 'node:crypto';
import { readEnv } from '@contour/runtime';
import type { AddCommand, Cli } from '../cli.ts';
import { senderEnv } from '../env.ts';
import { type LoadOptions, type LoadOrder, readLoadOptions } from '../load/options.ts';
import { loadBody } from '../load/plan.ts';
import { createPoster } from '../load/post.ts';
import { runLoad } from '../load/run-load.ts';
import { isAllAccepted, type LoadSummary, linesOfSummary, summaryOf } from '../load/summary.ts';
import { createProgressBar } from '../progress-bar.ts';
import { readCredential } from '../read-credential.ts';

/** Past this a server has no use for more, and a sender's machine has its limits, too. */
const CONNECTIONS = 500;

/** Ctrl-C ends the sending, not the command: what there is, is shown. */
async function send(order: LoadOrder, credential: string, key: string | undefined, cli: Cli) {
  const { count, rate, channel, chats, newShare } = order;
  const run = `load-${randomBytes(5).toString('hex')}`;
  cli.complain(`${run} writes ${count} real messages to ${order.url.host}`);
  const poster = createPoster(order.url, key, CONNECTIONS);
  const stopped = new AbortController();
  const stop = () => {
    stopped.abort();
    poster.close();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const bar = createProgressBar('Sending', cli.screen);
  const plan = { run, channel, credential, chats, newShare };
  try {
    const result = await runLoad(
      { count, rate, connections: CONNECTIONS },
      (index) => poster.post(loadBody(plan, index)),
      stopped.signal,
      (done) => bar.show(done, count),
    );
    return summaryOf(run, { count, rate }, result);
  } finally {
    bar.end();
    poster.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

export const addLoad: AddCommand = (program, cli) => {
  program
    .command('load')
    .description('send real messages at a steady rate, and time the answers')
    .requiredOption('--url <url>', "the API's address")
    .requiredOption('--rate <n>', 'messages per second')
    .requiredOption('--count <n>', 'messages in all')
    .option('--chats <n>', 'how many chats they come from', '100')
    .option('--channel <code>', 'their channel', 'telegram')
    .option('--new-share <n>', 'share of messages from a new chat', '0.1')
    .option('--file <path>', 'read the credential from a file')
    .option('--stdin', 'read it from a pipe; on a terminal it is asked for')
    .option('--yes-really', 'also to an address that is not of this machine')
    .addHelpText(
      'after',
      '\nThe API key, where one is needed, comes from API_KEY.\n\nExample:\n' +
        '  contour load --url http://127.0.0.1:8772 --rate 50 --count 1000 --file t.txt',
    )
    .action(async (options: LoadOptions) => {
      const order = readLoadOptions(options);
      const { API_KEY: key } = readEnv(senderEnv, cli.env);
      const credential = await readCredential(cli, options);
      const summary: LoadSummary = await send(order, credential, key, cli);
      cli.report(summary, () => linesOfSummary(summary).forEach(cli.say));
      if (!isAllAccepted(summary)) cli.endWithOne();
    });
};
