import { defineConfig } from "vitest/config";

const MINUTE = 60_000;

/** Tests on real machines run one file after the other: they share the box. */
const onMachines = { fileParallelism: false, testTimeout: 2 * MINUTE, hookTimeout: 5 * MINUTE };

/** Unit tests lie beside the code and need neither root nor a VM; the others say in their name what they need. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "tools/**/*.test.ts"],
          exclude: ["**/*.db.test.ts", "**/*.root.test.ts"],
        },
      },
      {
        test: {
          name: "database",
          include: ["packages/**/*.db.test.ts"],
          // Each file has a PostgreSQL of its own; more at once would only wait for the processor.
          maxWorkers: 2,
          testTimeout: MINUTE,
          hookTimeout: MINUTE,
        },
      },
      { test: { name: "root", include: ["packages/**/*.root.test.ts"], ...onMachines } },
      { test: { name: "e2e", include: ["tests/*.e2e.test.ts"], globalSetup: "tests/global-setup.ts", ...onMachines } },
      {
        test: {
          name: "nightly",
          include: ["tests/*.nightly.test.ts"],
          globalSetup: "tests/global-setup.ts",
          ...onMachines,
          testTimeout: 30 * MINUTE,
        },
      },
    ],
  },
});
