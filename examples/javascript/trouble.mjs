/** Something a person can act on: its message is one sentence that says what is wrong and what to do. */
export class Trouble extends Error {}
