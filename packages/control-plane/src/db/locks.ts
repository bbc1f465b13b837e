/** The numbers of PostgreSQL's advisory locks that Wrenn takes, so that no two uses share one. */
export const ADVISORY_LOCKS = {
  /** session: who applies migrations */
  migrations: 7_255_001,
  /** transaction: who places a capsule */
  placement: 7_255_002,
  /** session, in the database "postgres": which process stops and restarts the embedded PostgreSQL */
  embeddedOwner: 7_255_003,
  /** transaction: who makes or removes administrators of the platform */
  admins: 7_255_011,
  /** transaction, with the hash of an owner's UUID as a second number: who adds to what the owner may have so many of */
  room: 7_255_012,
  /** transaction: who adds up what was used */
  usage: 7_255_013,
} as const;
