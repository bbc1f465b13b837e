/**
 * Queries of every request: built once for each database, and parsed and planned by PostgreSQL once for each connection. A
 * pooler between them must know prepared statements (PgBouncer from 1.21 on, or in session mode).
 */
import type { Database } from "./database.ts";

/** @param build ends with `.prepare(name)`, whose name no other query has */
export function prepared<Query>(build: (queries: Database["queries"]) => Query): (db: Database) => Query {
  const built = new WeakMap<Database, Query>();
  return (db) => {
    const query = built.get(db) ?? build(db.queries);
    built.set(db, query);
    return query;
  };
}
