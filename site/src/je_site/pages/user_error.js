/** What cannot be done: its message is for the person, and says what to do. */
export class UserError extends Error {}
