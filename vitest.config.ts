import { defineConfig } from "vitest/config";

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
    ],
  },
});
