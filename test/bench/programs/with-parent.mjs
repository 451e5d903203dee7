/** Reports that this program is ready, and its address. Answers its parent's messages, and ends with it. */
export function withParent({ port = null, answer = () => null } = {}) {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (question) => process.send({ answer: answer(question) ?? null }));
  process.send({ port });
}

/** The settings that the bench has passed. */
export const settings = JSON.parse(process.env.CONTOUR_BENCH ?? '{}');
