import type { MirrorTurn } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { statement } from '../database/statement.ts';

/**
 * Longer than a batch takes, and short enough to wait for if the holder died. If a turn ends too early, the graph refuses
 * the late write.
 */
export const HELD_FOR = "interval '15 seconds'";

interface TurnRow {
  mirror_id: string;
  turn: number;
}

const take = statement<TurnRow>(
  'take_graph_turn',
  `update graph_turns
      set turn = greatest(turn, $2) + 1, held_until = now() + ${HELD_FOR}
    where held_until < now() or turn = $1
   returning mirror_id, turn::float8 as turn`,
);

const end = statement<TurnRow>(
  'end_graph_turn',
  'update graph_turns set held_until = now() where turn = $1',
);

/** The next turn, later than `seen`; null while another worker holds one. */
export async function takeTurn(
  db: Queryable,
  own: MirrorTurn | null,
  seen: number,
): Promise<MirrorTurn | null> {
  const [row] = await take(db, own?.turn ?? null, seen);
  return row === undefined ? null : { mirrorId: row.mirror_id, turn: row.turn };
}

export async function endTurn(db: Queryable, { turn }: MirrorTurn): Promise<void> {
  await end(db, turn);
}
