/** How the bytes of files look in the API's description. */
import { z } from "zod";

export const bytesResponse = {
  description: "The bytes",
  content: { "application/octet-stream": { schema: z.file() } },
};
