// The first SET takes the lock, and the turn is read after it.
MERGE (m:Mirror {mirror_id: $mirror_id})
SET m.written_at = datetime()
WITH m, coalesce(m.turn, 0) AS latest
SET m.turn = CASE WHEN latest > $turn THEN latest ELSE $turn END
RETURN m.turn AS latest
