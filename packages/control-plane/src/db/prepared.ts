/**
 * Queries of every request: built once for each database, and parsed and planned by PostgreSQL once for each connection. A
 * pooler between them must know prepared statements (PgBouncer from 1.21 on, or in session mode).
 */
import type { Database } from "./database.ts";

/** @param build ends with `.prepare(name)`, whose name no other query has */
export function prepared<Query>(build: (queries: Database["queries"]) => Query): (db: Database) => Query {
  return forDatabase((db) => build(db.queries));
}

/** Something that there is one of for each database. */
export function forDatabase<Value>(make: (db: Database) => Value): (db: Database) => Value {
  const made = new WeakMap<Database, Value>();
  return (db) => {
    const value = made.get(db) ?? make(db);
    made.set(db, value);
    return value;
  };
}
