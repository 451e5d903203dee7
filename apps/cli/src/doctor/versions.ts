/** The first two numbers of a version such as 7.2.4, or 16.4 (Debian 16.4-1). */
function versionOf(text: string): [major: number, minor: number] {
  const [, major = '0', minor = '0'] = /^v?(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  return [Number(major), Number(minor)];
}

export function isAtLeast(text: string, major: number, minor: number): boolean {
  const [ownMajor, ownMinor] = versionOf(text);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
