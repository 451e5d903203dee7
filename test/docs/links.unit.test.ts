import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const withoutCode = (text: string) => text.replace(/^```.*?^```/gms, '');

/** The anchor of a heading, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

const anchorsIn = (page: string): string[] =>
  [...withoutCode(read(page)).matchAll(/^#{1,6} (.+)$/gm)].map(([, text = '']) => anchorOf(text));

/** Links inside the repository, as file and anchor. */
function linksIn(page: string): { link: string; file: string; anchor: string | undefined }[] {
  return [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path));
      return { link, file, anchor };
    });
}

/** Folders at the beginning of a path. The docs shorten a room to its name, as in `store/resolve`. */
const TOP = ['apps', 'packages', 'clients', 'deploy', 'docs', 'scripts', 'test'];
const ROOMS = new Map(
  ['apps', 'packages'].flatMap((top) =>
    readdirSync(join(ROOT, top)).map((name) => [name, `${top}/${name}`] as const),
  ),
);

/** Paths of the repository in a page's inline code and commands. */
function pathsIn(page: string): string[] {
  const text = read(page);
  const inline = [...withoutCode(text).matchAll(/`([^`\n]+)`/g)].flatMap(([, code = '']) =>
    code.split(' '),
  );
  const typed = [...text.matchAll(/^```.*?^```/gms)].flatMap(([block]) => block.split(/\s+/));
  const isPath = (word: string) => /^[a-z][\w.-]*(\/[\w.-]+)+\/?$/i.test(word);
  const begins = (word: string, names: Iterable<string>) =>
    [...names].includes(word.split('/')[0] ?? '');
  return [
    ...inline.filter((word) => isPath(word) && begins(word, [...TOP, ...ROOMS.keys()])),
    ...typed.filter((word) => isPath(word) && begins(word, TOP)),
  ];
}

/** The possible places of a path: itself, the source of a built file, or a room. */
function placesOf(path: string): string[] {
  const [room = '', ...rest] = path.split('/');
  const inRoom = ROOMS.get(room);
  const source = path.replace('/dist/', '/src/').replace(/\.js$/, '.ts');
  const short = inRoom === undefined ? [] : [`${inRoom}/src/${rest.join('/')}`];
  const [top, name, ...deep] = path.split('/');
  return [path, source, ...short, `${top}/${name}/src/${deep.join('/')}`];
}

const exists = (path: string) =>
  placesOf(path).some((place) =>
    ['', '.ts', '.test.ts'].some((end) => existsSync(join(ROOT, `${place}${end}`))),
  );

describe.each(PAGES)('%s', (page) => {
  it('links to existing files and headings', () => {
    const broken = linksIn(page).filter(
      ({ file, anchor }) =>
        !existsSync(join(ROOT, file)) ||
        (anchor !== undefined && !anchorsIn(file).includes(anchor)),
    );
    expect(broken.map(({ link }) => link)).toEqual([]);
  });

  it('names existing paths', () => {
    expect(pathsIn(page).filter((path) => !exists(path))).toEqual([]);
  });
});

it('the pages have links and paths', () => {
  expect(PAGES.flatMap(linksIn).length).toBeGreaterThan(20);
  expect(PAGES.flatMap(pathsIn).length).toBeGreaterThan(20);
});
