// The cost of a POST alone: one after another over several connections, with a count.
import { createPost } from '../programs/post-to-sink.mjs';
import { settings, withParent } from '../programs/with-parent.mjs';

const { connections, body } = settings;
const post = createPost(connections);
let left = 0;
let done = 0;

async function loop() {
  while (left > 0) {
    left -= 1;
    await post(`${done + left}`, body);
    done += 1;
  }
}

function answer(question) {
  if (question.startsWith('post ')) {
    left = Number(question.slice(5));
    done = 0;
    for (let i = 0; i < connections; i += 1) void loop();
  }
  return { done };
}

withParent({ answer });
