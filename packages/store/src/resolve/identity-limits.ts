/**
 * A client that has so many identities gets no further one by its phone: a number that so many chats give is a
 * placeholder, or a stranger's, and not a person.
 */
export const MAX_LINKED = 20;

/** So many channels of its client a payload names. */
export const MAX_NAMED = 50;
