/** What `setup` tells about its progress; the CLI shows it. */

export interface SetupEvent {
  /** "packages", "user", "qemu", "kernel", … */
  readonly step: string;
  readonly status: "start" | "progress" | "done" | "cached";
  readonly message?: string;
  /** milliseconds the step took, with "done" */
  readonly ms?: number;
}

export type Report = (event: SetupEvent) => void;

/** Runs one step, with its start and its end reported. A step that throws reports no end. */
export async function reportStep<T>(report: Report, step: string, message: string, body: () => Promise<T>): Promise<T> {
  const start = performance.now();
  report({ step, status: "start", message });
  const result = await body();
  report({ step, status: "done", ms: Math.round(performance.now() - start) });
  return result;
}
