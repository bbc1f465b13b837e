/** The agent's log: one JSON object a line on stderr, which is the console of the machine. */

export function logError(event: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${JSON.stringify({ component: "guest-agent", event, error: text })}\n`);
}
