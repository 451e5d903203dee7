/** Of every command that looks at the messages of one tenant alone, where that is wanted. */
export const TENANT_OPTION = ['--tenant <tenant>', 'only this tenant, by its id or name'] as const;
