-- The W3C traceparent under which a message is delivered; null where nobody traced it. Without a default,
-- so no row is touched and the lock is held for a moment.
alter table messages add column trace_parent text;
