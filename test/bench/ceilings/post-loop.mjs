// What a POST costs by itself: one after another over so many connections, told how many there have been.
import { Pool } from 'undici';
import { settings, withParent } from '../programs/with-parent.mjs';

const { sinkUrl, connections, body } = settings;
const sink = new Pool(sinkUrl, { connections });
let left = 0;
let done = 0;

async function loop() {
  while (left > 0) {
    left -= 1;
    const request = {
      method: 'POST',
      path: '/core',
      headers: { 'content-type': 'application/json', 'idempotency-key': `${done + left}` },
      body,
    };
    const { body: answer } = await sink.request(request);
    await answer.dump();
    done += 1;
  }
}

function answer(question) {
  if (question.startsWith('post ')) {
    left = Number(question.slice(5));
    done = 0;
    for (let i = 0; i < connections; i += 1) loop();
  }
  return { done };
}

withParent({ answer });
