/**
 * A client with this many identities gets no further one by its phone: a phone that more chats give is a placeholder,
 * or a stranger's.
 */
export const MAX_LINKED = 20;

/** How many channels of its client a payload names at most. */
export const MAX_NAMED = 50;
