/** The path parameter of every route of one capsule. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { z } from "zod";

export const capsuleParams = z.object({
  id: z
    .string()
    .describe("Id of the capsule")
    .meta({ examples: [idFromUuid("capsule", "5f3b1c1e-8d2a-4c57-9d0e-1f6f0a7c2b11")] }),
});
