/** The path parameters of the routes of one capsule. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { templateName } from "@wrenn/protocol/rest/capsules";
import { z } from "zod";

export const capsuleParams = z.object({
  id: z
    .string()
    .describe("Id of the capsule")
    .meta({ examples: [idFromUuid("capsule", "5f3b1c1e-8d2a-4c57-9d0e-1f6f0a7c2b11")] }),
});

export const checkpointParams = capsuleParams.extend({ name: templateName.describe("Name of the checkpoint") });

export const processParams = capsuleParams.extend({
  selector: z.string().min(1).describe("A pid when it is all digits, otherwise a tag"),
});
