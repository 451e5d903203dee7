import type { Adoption, Applied, Finding } from '@contour/store';
import { paint } from '../table.ts';

type Say = (line: string) => void;

const VERDICTS = {
  cannot: ['red', 'cannot be adopted'],
  decide: ['yellow', 'you decide'],
  apply: ['green', '--apply does it'],
} as const;

function printFinding({ count, what, verdict, advice, examples }: Finding, say: Say): void {
  const [colour, verdictText] = VERDICTS[verdict];
  say(`${paint(colour, verdictText)}: ${count} ${what}: ${advice}`);
  for (const example of examples) say(paint('dim', `  ${example}`));
}

function printState({ state }: Adoption, say: Say): void {
  if (state === 'ours') say('nothing to do: this database has the tables that Contour needs');
  if (state === 'empty') say('nothing to adopt: contour migrate makes the tables');
}

/** What stands in the way, what needs a decision first. */
export function printChecked(found: Adoption, say: Say): void {
  printState(found, say);
  if (found.state !== 'theirs') return;
  for (const verdict of ['cannot', 'decide', 'apply'] as const) {
    for (const finding of found.findings)
      if (finding.verdict === verdict) printFinding(finding, say);
  }
  const needsYou = found.findings.some(({ verdict }) => verdict !== 'apply');
  say(
    needsYou ? 'not everything can be adopted as it stands' : 'contour adopt --apply can do it all',
  );
}

/** What was set aside, and what is left. */
export function printApplied(found: Applied, say: Say): void {
  printState(found, say);
  if (found.state !== 'theirs') return;
  for (const { reason, count } of found.setAside) say(`set aside: ${count} ${reason}`);
  for (const finding of found.findings) printFinding(finding, say);
  for (const step of found.left) say(`left: ${step}`);
  if (found.left.length > 0) say('not adopted yet: settle what is left and run it again');
  else if (found.findings.length === 0) say('adopted');
}
