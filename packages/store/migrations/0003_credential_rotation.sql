-- The credential that an account had before its last rotation. It is found until previous_until; after
-- that only what the ledger holds is answered by it. Nobody else's current credential: that one wins.
alter table channel_accounts add column previous_fingerprint text,
                             add column previous_until       timestamptz;

-- A few thousand rows, so this is over at once.
create unique index channel_accounts_previous on channel_accounts (channel_id, previous_fingerprint)
  where previous_fingerprint is not null;
