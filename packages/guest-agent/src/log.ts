/** The agent's log: one JSON object a line on stderr, which is the console of the machine. */

/** Runs what others must not wait for: a failure is logged and everything goes on. */
export function attempt(event: string, body: () => void): void {
  try {
    body();
  } catch (error) {
    logError(event, error);
  }
}

export function logError(event: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${JSON.stringify({ component: "guest-agent", event, error: text })}\n`);
}
