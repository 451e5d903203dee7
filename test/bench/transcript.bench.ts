import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startContour } from '../support/contour.ts';
import { messageTo } from '../support/messages.ts';
import { runContour } from '../support/run-contour.ts';
import { resolve } from '../support/send.ts';
import { waitFor } from '../support/wait-for.ts';

const PAGE = fileURLToPath(new URL('../../docs/transcript.md', import.meta.url));
const CREDENTIAL = 'a-credential-that-nobody-registered';

const HEAD = `# A session with contour

Made by \`npm run bench -- transcript\` from a running installation: what was typed, and what came back. The servers are
those of a test; addresses and ids differ each time.
`;

it('writes docs/transcript.md', { timeout: 300_000 }, async () => {
  const contour = await startContour();
  const env = {
    DATABASE_URL: contour.database.url,
    REDIS_URL: contour.redis.url,
    CORE_URL: contour.core.url,
  };
  const page = [HEAD];
  const tell = (text: string) => page.push(`${text}\n`);
  async function type(args: string[], input = '', shown = `contour ${args.join(' ')}`) {
    const { stdout, stderr, code } = await runContour(args, env, input);
    const ending = code === 0 ? '' : `(ends with ${code})\n`;
    page.push(`\`\`\`\n$ ${shown}\n${stdout}${stderr}${ending}\`\`\`\n`);
    return stdout;
  }
  try {
    tell('Is everything well?');
    await type(['doctor']);
    tell(
      'A client writes to an account that nobody has registered. The sender gets a 404, and the message is parked:',
    );
    const body = {
      ...{ channel: 'telegram', bot_token: CREDENTIAL, external_chat_id: '123456789' },
      ...{ client_name: 'Ivan Petrov', text: 'Hello', message_ids: ['msg_1'] },
    };
    expect((await resolve(contour.url, body)).status).toBe(404);
    await type(['dlq', 'list']);
    const [{ id }] = JSON.parse((await runContour(['dlq', 'list', '--json'], env)).stdout).items;
    await type(['dlq', 'show', id]);
    tell('The account is registered, and the message goes on by itself:');
    await type(
      ['tenant', 'add', 'A shop', '--domain', '7'],
      '',
      'contour tenant add "A shop" --domain 7',
    );
    await type(
      ['channel', 'add', 'A shop', 'telegram', '--stdin'],
      CREDENTIAL,
      'contour channel add "A shop" telegram --stdin < token.txt',
    );
    const isDelivered = async () =>
      (await contour.database.pool.query("select 1 from messages where status = 'delivered'"))
        .rowCount === 1;
    await waitFor('it to be delivered', isDelivered, { deadlineMs: 30_000 });
    await type(['message', 'show', id]);
    await type(['dlq', 'list']);
    tell('Some seconds of traffic:');
    const { telegram } = (await contour.addTenant()).accounts;
    const tail = type(['tail', '--for', '4']);
    const until = Date.now() + 5_000;
    while (Date.now() < until) await resolve(contour.url, messageTo(telegram));
    await tail;
    tell('Does the data keep what is promised?');
    await type(['audit']);
    const text = page.join('\n').replaceAll(/\/\/[^\s@/]+@/g, '//');
    expect(text).not.toContain(CREDENTIAL);
    writeFileSync(PAGE, text);
  } finally {
    await contour.close();
  }
});
