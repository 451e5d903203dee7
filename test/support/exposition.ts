/** One line of the Prometheus text format. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = `${NAME}="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"`;
const SAMPLE = new RegExp(
  `^(${NAME})(?:\\{((?:${LABEL},?)*)\\})? (nan|[+-]?Inf|[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)$`,
  'i',
);
const COMMENT = new RegExp(
  `^# (?:HELP ${NAME} .+|TYPE ${NAME} (?:counter|gauge|histogram|summary))$`,
);

/** Parses the text format of Prometheus and throws at the first invalid line. */
export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || COMMENT.test(line)) continue;
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) throw new Error(`not of the text format: ${line}`);
    const pairs = [...labels.matchAll(new RegExp(`(${NAME})="([^"]*)"`, 'g'))];
    samples.push({
      name,
      labels: Object.fromEntries(pairs.map(([, key = '', content = '']) => [key, content])),
      value: Number(value?.replace('Inf', 'Infinity')),
    });
  }
  return samples;
}

/** The sum of the samples with this name and all of these labels. Undefined if there are none. */
export function sampleOf(
  samples: readonly Sample[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const found = samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
}
