import { runTool } from './run-tool.ts';

const OLDEST = 17;

/** What the JDK on PATH says of itself; throws where there is none that Neo4j can run on. */
export async function findJdk(): Promise<string> {
  const [java, javac] = await Promise.all([versionOf('java'), versionOf('javac')]);
  if (majorOf(java) >= OLDEST && majorOf(javac) >= OLDEST) return java;
  throw new Error(`there is no JDK ${OLDEST} or later on PATH`);
}

// Java 8 knows no --version: it fails, and is too old anyway.
function versionOf(command: string): Promise<string> {
  return runTool(command, ['--version']).catch(() => '');
}

/** Of `openjdk 17.0.15 2025-04-15` and of `javac 17.0.15`: 17. */
function majorOf(version: string): number {
  return Number(/^\S+ (\d+)/.exec(version)?.[1] ?? 0);
}
