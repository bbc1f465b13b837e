/** Stops an embedded server whose owner was killed. */
import type { Layout } from "@wrenn/runtime/layout";
import { findPostmaster, stopPostmaster } from "./postmaster.ts";

/** Does nothing when none runs. */
export async function stopEmbeddedPostgres(layout: Layout): Promise<void> {
  const server = findPostmaster(layout.postgres);
  if (server !== undefined) await stopPostmaster(server);
}
