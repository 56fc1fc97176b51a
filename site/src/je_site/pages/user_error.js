/** An error whose message is for the person, and says what to do. */
export class UserError extends Error {}
