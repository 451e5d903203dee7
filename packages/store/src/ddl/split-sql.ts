// A statement ends at a semicolon that stands in no comment, no text and no $$ body.
const PIECE = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|(\$\w*\$)[\s\S]*?\1|;|[^;'$/-]+|[\s\S]/g;

/** The statements of a migration, one by one, without the comments between them. */
export function splitSql(sql: string): string[] {
  const statements: string[] = [];
  let current = '';
  for (const [piece] of sql.matchAll(PIECE)) {
    if (piece.startsWith('--') || piece.startsWith('/*')) continue;
    if (piece !== ';') {
      current += piece;
      continue;
    }
    if (current.trim() !== '') statements.push(current.trim());
    current = '';
  }
  if (current.trim() !== '') statements.push(current.trim());
  return statements;
}
