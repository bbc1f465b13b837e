/** One platform for all end-to-end tests that do not break it; its templates also serve those that start their own. */
import { Platform } from "@wrenn/testkit/platform";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    platformDir: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const platform = await Platform.start();
  project.provide("platformDir", platform.layout.dir);
  return () => platform.close();
}
