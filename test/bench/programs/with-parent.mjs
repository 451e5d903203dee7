/** Says that this program is ready, and where; answers what it is asked, and ends with whoever started it. */
export function withParent({ port = null, answer = () => null } = {}) {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (question) => process.send({ answer: answer(question) ?? null }));
  process.send({ port });
}

/** Which of the settings the bench has given it. */
export const settings = JSON.parse(process.env.CONTOUR_BENCH ?? '{}');
