/** A line plot as an SVG that is readable on white and on black. */
export interface LinePlot {
  title: string;
  xLabel: string;
  yLabel: string;
  lines: ReadonlyArray<{ name: string; points: ReadonlyArray<readonly [x: number, y: number]> }>;
}

const [WIDTH, HEIGHT] = [640, 360];
const AREA = { left: 70, right: 520, top: 50, bottom: 300 };
const COLOURS = ['#2f6fde', '#d9822b', '#2e8b57'];
const TICKS = 4;

/** The next round number: 1, 2 or 5 with zeros. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

const text = (x: number, y: number, words: string, more = '') =>
  `<text x="${x}" y="${y}" ${more}>${words}</text>`;

export function linePlot({ title, xLabel, yLabel, lines }: LinePlot): string {
  const points = lines.flatMap((line) => line.points);
  const most = {
    x: Math.max(...points.map(([x]) => x)),
    y: roundUp(Math.max(...points.map(([, y]) => y))),
  };
  const atX = (x: number) => AREA.left + (x / most.x) * (AREA.right - AREA.left);
  const atY = (y: number) => AREA.bottom - (y / most.y) * (AREA.bottom - AREA.top);
  const round = (n: number) => Number(n.toFixed(1));

  const grid = Array.from({ length: TICKS + 1 }, (_, i) => (most.y / TICKS) * i).flatMap((y) => [
    `<line x1="${AREA.left}" x2="${AREA.right}" y1="${round(atY(y))}" y2="${round(atY(y))}" stroke="#8884"/>`,
    text(AREA.left - 8, round(atY(y)) + 4, String(Number(y.toPrecision(3))), 'text-anchor="end"'),
  ]);
  const xs = [...new Set(points.map(([x]) => x))];
  const xTicks = xs.map((x) =>
    text(round(atX(x)), AREA.bottom + 18, String(Number(x.toPrecision(3))), 'text-anchor="middle"'),
  );
  const curves = lines.flatMap(({ name, points: own }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const places = own.map(([x, y]) => `${round(atX(x))},${round(atY(y))}`);
    const [, lastY = 0] = own.at(-1) ?? [];
    return [
      `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...places.map((place) => {
        const [x, y] = place.split(',');
        return `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`;
      }),
      text(AREA.right + 8, round(atY(lastY)) + 4, name, `style="fill:${colour}"`),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    '<style>text{fill:#555}@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>',
    text(AREA.left, 24, title, 'font-size="15"'),
    text(AREA.left, 42, yLabel),
    text((AREA.left + AREA.right) / 2, HEIGHT - 18, xLabel, 'text-anchor="middle"'),
    ...grid,
    ...xTicks,
    ...curves,
    '</svg>\n',
  ].join('\n');
}
