// In Core's place: accepts all messages and counts them, also those that came twice.
import { createServer } from 'node:http';
import { withParent } from './with-parent.mjs';

let requests = 0;
let keys = new Set();

const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  const key = request.headers['idempotency-key'];
  request.on('end', () => {
    requests += 1;
    keys.add(key);
    response.end();
  });
  request.resume();
});

function answer(question) {
  if (question === 'forget') {
    requests = 0;
    keys = new Set();
  }
  return { requests, distinct: keys.size };
}

server.listen(0, '127.0.0.1', () => withParent({ port: server.address().port, answer }));
