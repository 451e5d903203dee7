/** What is wrong with an input, and where: `message_ids.3`, `media.file.url`. */
export interface Fault {
  path: string;
  message: string;
}
