/** What cannot be done: its message is for the person, and says what to do. */
export class Refusal extends Error {}
