const INDEX =
  /^create\s+(unique\s+)?index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?(\w+)\s+on\s+(\w+)/i;

interface IndexStatement {
  name: string;
  table: string;
  /** The same index, made beside those who write; not if it is there, for it may be half an index. */
  concurrently: string;
}

/** Reads a statement that makes an index, in any of the forms that migrations have. */
export function readIndexStatement(sql: string): IndexStatement | undefined {
  const [head, unique = '', name, table] = INDEX.exec(sql) ?? [];
  if (head === undefined || name === undefined || table === undefined) return undefined;
  const concurrently = `create ${unique}index concurrently ${name} on ${table}`;
  return { name, table, concurrently: concurrently + sql.slice(head.length) };
}
