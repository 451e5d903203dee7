-- The W3C traceparent under which a message is delivered; null where nobody traced it. Without a default,
-- so no row is touched and the lock is held for a moment. Whoever asks for it makes all others wait behind
-- him: where somebody has the table in a long transaction, this fails instead, and may be run again.
set local lock_timeout = '2s';

alter table messages add column trace_parent text;
