import { readFileSync } from 'node:fs';

interface Instruction {
  name: string;
  text: string;
}

export interface Stage {
  name: string;
  instructions: Instruction[];
}

/** Parses the part of the syntax that this project uses: stages and their instructions. */
export function readDockerfile(path: string): Stage[] {
  const lines = readFileSync(path, 'utf8')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const stages: Stage[] = [];
  for (const line of lines) {
    const [name = '', ...rest] = line.trim().split(/\s+/);
    if (name === 'FROM') stages.push({ name: rest[2] ?? 'final', instructions: [] });
    else stages.at(-1)?.instructions.push({ name, text: rest.join(' ') });
  }
  return stages;
}

export function instructionsOf(stage: Stage | undefined, name: string): string[] {
  return (stage?.instructions ?? []).filter((i) => i.name === name).map((i) => i.text);
}

/** The files of the checkout that a stage copies, without those of other stages. */
export function copiedFiles(stage: Stage): string[] {
  return instructionsOf(stage, 'COPY')
    .filter((text) => !text.startsWith('--from='))
    .flatMap((text) => text.split(' ').slice(0, -1));
}
