/** A finding: a broken promise, or an answer without an explanation. */
export interface Finding {
  kind: string;
  detail: string;
}

export interface Journal {
  /** Writes one line: when, who, what. */
  tell(who: string, what: string): void;
  /** Writes a finding and keeps it. The day then ends with a failure. */
  find(kind: string, detail: string): void;
  findings: readonly Finding[];
}

/** More findings would add nothing. */
const MOST_FINDINGS = 200;

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

export function openJournal(write: (line: string) => void): Journal {
  const startedAt = Date.now();
  const findings: Finding[] = [];
  const tell = (who: string, what: string) =>
    write(`${clock(Date.now() - startedAt)}  ${who.padEnd(9)} ${what}`);
  return {
    tell,
    find(kind, detail) {
      if (findings.length >= MOST_FINDINGS) return;
      findings.push({ kind, detail });
      tell('FOUND', `${kind}: ${detail}`);
    },
    findings,
  };
}
